using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>The members of a token response (RFC 6749 §5.1). The granted scope is always included if there is one.</summary>
internal sealed class AttachTokens : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        var request = ProtocolRequest.Of(context);
        var response = context.Response;
        response.AccessToken = context.AccessToken;
        response.TokenType = request.AccessToken.Type;
        response.ExpiresIn = request.AccessToken.ExpiresIn;
        response.RefreshToken = context.RefreshToken;
        response.IdToken = context.IdentityToken;
        response.Scope = request.Issuance.Scopes.ToString();
        // RFC 8693 §2.2.1
        if (request.Issuance.Delegation is not null)
            response.IssuedTokenType = TokenTypeIdentifiers.AccessToken;
        return default;
    }
}
