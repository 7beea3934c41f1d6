using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>
/// Writes a token of the kind that OpenIddict asks for: JWTs straight from the issuance to UTF-8, the refresh token as the handle
/// of its grant. OpenIddict would build each from a clone of the principal, and keep a row for it.
/// </summary>
internal sealed class WriteToken(AccessTokenWriter issuer, IdTokens idTokens) : IOpenIddictServerHandler<GenerateTokenContext>
{
    public ValueTask HandleAsync(GenerateTokenContext context)
    {
        var request = ProtocolRequest.Of(context);
        context.Token = context.TokenType switch
        {
            OpenIddictConstants.TokenTypeIdentifiers.AccessToken => (request.AccessToken = issuer.IssueAccessToken(request.Issuance)).Text,
            OpenIddictConstants.TokenTypeIdentifiers.RefreshToken => issuer.IssueRefreshToken(request.Issuance),
            // After the access token, because it holds that token's hash (OpenID Connect Core §3.1.3.6).
            OpenIddictConstants.TokenTypeIdentifiers.IdentityToken => idTokens.Issue(request.Client, request.Issuance.Authentication!, request.AccessToken.Text),
            _ => throw new InvalidOperationException($"Nothing here writes a token of the type {context.TokenType}."),
        };
        return default;
    }
}
