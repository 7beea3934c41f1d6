using IdentityServer.Protocol;

namespace IdentityServer.Clients;

/// <summary>RFC 6749 §3.3: what the client asks for, checked against its registration.</summary>
internal static class RequestedScope
{
    /// <summary>If left out, all that the client is registered for.</summary>
    public static Result<ScopeSet> Read(Client client, OAuthParameters parameters)
    {
        if (parameters[Parameters.Scope] is not { } text)
            return client.Scopes;
        if (!ScopeSet.TryParse(text, out var requested) || requested.IsEmpty)
            return Errors.MalformedScope;
        return requested.IsSubsetOf(client.Scopes) ? requested : Errors.ScopeRefused;
    }
}
