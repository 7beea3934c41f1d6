using IdentityServer.Protocol.AuthorizationRequests;

namespace IdentityServer.Protocol.Authorization;

/// <summary>What the handlers of an authorization request have found so far.</summary>
internal sealed class AuthorizationState
{
    /// <summary>Set by <see cref="Reauthentication"/> from the parameters that the browser sent.</summary>
    public string? Marker { get; init; }

    /// <summary>Answer with a redirect to the same request as GET, because a post from another site has no cookie (<c>SameSite=Lax</c>).</summary>
    public bool IsPost { get; init; }

    /// <summary>The user's answer on the consent page; null: the request does not come from there.</summary>
    public bool? Decision { get; init; }

    public PushedRequest? Pushed { get; set; }

    /// <summary>Where the answer goes; null: unknown, so a page shows the error.</summary>
    public AuthorizationTarget? Target { get; set; }

    /// <summary>Set after all checks.</summary>
    public AuthorizationRequest? Request { get; set; }

    public string? Code { get; set; }
}
