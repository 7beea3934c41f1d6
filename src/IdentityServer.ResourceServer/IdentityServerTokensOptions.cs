using Microsoft.AspNetCore.Http;

namespace IdentityServer.ResourceServer;

/// <summary>Whose tokens an API accepts, and what it is called in them.</summary>
public sealed class IdentityServerTokensOptions
{
    /// <summary>The issuer, exactly as it names itself in <c>iss</c> and in its metadata (RFC 8414 §3.3).</summary>
    public string Authority { get; set; } = "";

    /// <summary>This API's identifier, which a token's <c>aud</c> must contain (RFC 8707 §2).</summary>
    public string Resource { get; set; } = "";

    /// <summary>This API's own client, used to read the revocation feed.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>That client's secret. Never logged, never part of a message.</summary>
    public string ClientSecret { get; set; } = "";

    /// <summary>Where to reach the issuer if not at its public address, for example in a container network; null: at <see cref="Authority"/>.</summary>
    public string? BackchannelAddress { get; set; }

    /// <summary>Allows plain http to the issuer in Production; other environments always allow it. Use it only on a network that nobody can listen to.</summary>
    public bool AllowInsecureHttp { get; set; }

    /// <summary>How long tokens are accepted without an answer from the revocation feed; after that, 503. 1 to 3600 seconds.</summary>
    public TimeSpan MaxStaleness { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How far the issuer's clock and ours may differ. 0 to 60 seconds.</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Where callers reach this API, including a path that a proxy strips: proofs of possession name it (RFC 9449 §4.2).
    /// Null: the scheme, host and port of <see cref="Resource"/>.
    /// </summary>
    public string? PublicAddress { get; set; }

    /// <summary>Whether a proof of possession must carry a nonce from this API (RFC 9449 §9).</summary>
    public bool RequireDpopNonce { get; set; }

    /// <summary>The scopes that this API knows, for its metadata (RFC 9728 §2 <c>scopes_supported</c>).</summary>
    public IList<string> Scopes { get; } = [];

    /// <summary>Writes the body of a refusal; status and headers are already set. Null: a small problem document (RFC 9457).</summary>
    public Func<HttpContext, BearerRefusal, Task>? WriteError { get; set; }

    /// <summary>Whether OpenIddict's issuer and audience come from these options, rather than the other way round.</summary>
    internal bool IsShortForm { get; set; }

    internal bool IsFeedFollowed { get; set; }

    internal bool IsDpopUsed { get; set; }

    /// <summary>The section the settings were read from, so that messages use the operator's names.</summary>
    internal string SettingPrefix { get; set; } = "";

    /// <summary>Settings that could not be read, or that contradict OpenIddict's own options.</summary>
    internal List<string> Faults { get; } = [];

    internal Uri IssuerAddress => new((BackchannelAddress ?? Authority).TrimEnd('/') + "/");
}
