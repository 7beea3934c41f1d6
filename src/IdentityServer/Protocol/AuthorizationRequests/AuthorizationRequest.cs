using IdentityServer.Clients;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>A request for a code (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1) checked as far as possible without knowing the user.</summary>
internal sealed record AuthorizationRequest(AuthorizationTarget Target, ScopeSet Scopes)
{
    public Client Client => Target.Client;

    /// <summary>As the request names it; null: not given, so the code is exchanged without one too (RFC 6749 §4.1.3).</summary>
    public string? RedirectUri { get; init; }

    /// <summary>S256; null only if the client need not use PKCE.</summary>
    public string? CodeChallenge { get; init; }
    public string? Nonce { get; init; }
    public Prompts Prompt { get; init; }

    /// <summary>How long ago the user may have been authenticated; null: any time.</summary>
    public TimeSpan? MaxAge { get; init; }
    public string? LoginHint { get; init; }

    /// <summary>Not verified yet, since that needs the keys.</summary>
    public string? IdTokenHint { get; init; }
    public RequestedClaims Claims { get; init; } = RequestedClaims.None;

    /// <summary>RFC 8707 §2; null: all that the scopes imply.</summary>
    public string[]? Resources { get; init; }

    /// <summary>The key that the code is bound to (RFC 9449 §10).</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>The pushed request, which its code uses up (RFC 9126 §4); null: it was not pushed.</summary>
    public Guid? PushedRequestId { get; init; }

    /// <summary>The parameters with which to repeat the request after a page: form-urlencoded.</summary>
    public required string Form { get; init; }
}
