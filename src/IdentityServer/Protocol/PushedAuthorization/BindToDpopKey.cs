using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Dpop;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.PushedAuthorization;

/// <summary>The key to bind the code to may be proved instead of named; if both, they must agree (RFC 9449 §10.1).</summary>
internal sealed class BindToDpopKey(DpopProofs proofs) : IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var proof = await proofs.ReadAsync(request.Http, ProtocolRoutes.PushedAuthorization);
        var named = request.Find<AuthorizationRequest>()!.DpopThumbprint;
        if (proof.IsRefused)
            request.Refuse(context, proof.Error);
        else if (proof.Thumbprint is not null && named is not null && proof.Thumbprint != named)
            request.Refuse(context, Errors.DpopKeyOfRequestDiffers);
        else
            request.DpopThumbprint = named ?? proof.Thumbprint;
    }
}
