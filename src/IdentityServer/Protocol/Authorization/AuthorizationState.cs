using IdentityServer.Protocol.AuthorizationRequests;

namespace IdentityServer.Protocol.Authorization;

/// <summary>What the handlers of an authorization request have found out so far.</summary>
internal sealed class AuthorizationState
{
    /// <summary>By <see cref="Reauthentication"/>, of the parameters as the browser sent them.</summary>
    public string? Marker { get; init; }

    /// <summary>Answered by the same request as a GET: a post from another site brings no cookie (<c>SameSite=Lax</c>).</summary>
    public bool IsPost { get; init; }

    /// <summary>What the user said on the consent page to this request; null: it does not come from there.</summary>
    public bool? Decision { get; init; }

    public PushedRequest? Pushed { get; set; }

    /// <summary>Where the answer goes; null: nobody can be sent back, and a page says why.</summary>
    public AuthorizationTarget? Target { get; set; }

    /// <summary>Behind all checks.</summary>
    public AuthorizationRequest? Request { get; set; }

    public string? Code { get; set; }
}
