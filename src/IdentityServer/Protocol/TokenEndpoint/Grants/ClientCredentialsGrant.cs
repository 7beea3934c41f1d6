using IdentityServer.Clients;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>RFC 6749 §4.4: a token for the client itself. Needs no database and issues no refresh token.</summary>
internal sealed class ClientCredentialsGrant : IGrant
{
    public ValueTask<Result<Issuance>> HandleAsync(TokenRequest request)
    {
        // RFC 6749 §4.4: only for confidential clients.
        if (request.Client.IsPublic)
            return new(Errors.GrantTypeNotAllowed);

        var scope = RequestedScope.Read(request.Client, request.Parameters);
        if (scope.IsRefused)
            return new(scope.Error);

        // RFC 6749 §4.4.3: a refresh token should not be included, so the scope that asks for one is ignored.
        var granted = request.Narrow(ReferenceEquals(scope.Value, request.Client.Scopes) ? request.Client.OwnScopes : scope.Value.Without(Scopes.AboutUsers));
        if (granted.IsRefused)
            return new(granted.Error);
        return new(new Issuance(request.Client, granted.Value, request.Terms(granted.Value)));
    }
}
