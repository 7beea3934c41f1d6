using IdentityServer.Clients;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>A request for a code (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1) that was checked as far as it can be without knowing the user.</summary>
internal sealed record AuthorizationRequest(AuthorizationTarget Target, ScopeSet Scopes)
{
    public Client Client => Target.Client;

    /// <summary>As the request names it, or null: then the code is exchanged without one as well (RFC 6749 §4.1.3).</summary>
    public string? RedirectUri { get; init; }

    /// <summary>S256; null only where the client may do without.</summary>
    public string? CodeChallenge { get; init; }
    public string? Nonce { get; init; }
    public Prompts Prompt { get; init; }

    /// <summary>How long ago the user may have been authenticated; null: whenever.</summary>
    public TimeSpan? MaxAge { get; init; }
    public string? LoginHint { get; init; }

    /// <summary>Not verified yet: that takes the keys.</summary>
    public string? IdTokenHint { get; init; }
    public RequestedClaims Claims { get; init; } = RequestedClaims.None;

    /// <summary>RFC 8707 §2; null: all that the scopes imply.</summary>
    public string[]? Resources { get; init; }

    /// <summary>The key that the code is bound to (RFC 9449 §10).</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>Used up by its code (RFC 9126 §4); null: it was not pushed.</summary>
    public Guid? PushedRequestId { get; init; }

    /// <summary>The parameters as they are asked again after a page: form-urlencoded.</summary>
    public required string Form { get; init; }
}
