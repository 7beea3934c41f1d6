using Microsoft.AspNetCore.Http;

namespace IdentityServer.ResourceServer;

/// <summary>Whose tokens an API accepts, and what it is called in them.</summary>
public sealed class IdentityServerTokensOptions
{
    /// <summary>The issuer, exactly as it names itself in <c>iss</c> and in its metadata (RFC 8414 §3.3).</summary>
    public string Authority { get; set; } = "";

    /// <summary>This API's own identifier, the <c>aud</c> that a token must carry (RFC 8707 §2).</summary>
    public string Resource { get; set; } = "";

    /// <summary>The client as which this API reads the revocation feed.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>That client's secret. Never logged, never part of a message.</summary>
    public string ClientSecret { get; set; } = "";

    /// <summary>Where the issuer is reached when that is not its name, as inside a container network; null: at <see cref="Authority"/>.</summary>
    public string? BackchannelAddress { get; set; }

    /// <summary>Plain http to the issuer in Production; in other environments it needs no permission. Only for a network that nobody else listens to.</summary>
    public bool AllowInsecureHttp { get; set; }

    /// <summary>How long tokens stay trusted without word from the revocation feed; past it, 503. 1 to 3600 seconds.</summary>
    public TimeSpan MaxStaleness { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How far the issuer's clock and ours may differ. 0 to 60 seconds.</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Where callers reach this API, with the path that a proxy in front takes away: proofs of possession name it (RFC 9449 §4.2).
    /// Null: the scheme, host and port of <see cref="Resource"/>.
    /// </summary>
    public string? PublicAddress { get; set; }

    /// <summary>Whether a proof of possession must carry a nonce of this API's (RFC 9449 §9).</summary>
    public bool RequireDpopNonce { get; set; }

    /// <summary>The scopes that this API knows, for its metadata (RFC 9728 §2 <c>scopes_supported</c>).</summary>
    public IList<string> Scopes { get; } = [];

    /// <summary>Writes the body of a refusal; status and headers are set. Null: a small problem document (RFC 9457).</summary>
    public Func<HttpContext, BearerRefusal, Task>? WriteError { get; set; }

    /// <summary>OpenIddict takes issuer and audience from here, not these from OpenIddict.</summary>
    internal bool IsShortForm { get; set; }

    internal bool IsFeedFollowed { get; set; }

    internal bool IsDpopUsed { get; set; }

    /// <summary>Where the settings were read from, so that a message names what the operator wrote.</summary>
    internal string SettingPrefix { get; set; } = "";

    /// <summary>What could not even be read, or contradicts OpenIddict's own options.</summary>
    internal List<string> Faults { get; } = [];

    internal Uri IssuerAddress => new((BackchannelAddress ?? Authority).TrimEnd('/') + "/");
}
