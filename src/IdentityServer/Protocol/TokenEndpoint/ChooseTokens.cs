using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>Tells OpenIddict to generate exactly the tokens that the grant decided on.</summary>
internal sealed class ChooseTokens : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        var issuance = ProtocolRequest.Of(context).Issuance;
        context.GenerateAccessToken = true;
        context.GenerateRefreshToken = issuance.Refresh is not null;
        context.GenerateIdentityToken = issuance.Authentication is not null;
        return default;
    }
}
