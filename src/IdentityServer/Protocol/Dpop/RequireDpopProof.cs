using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Dpop;

/// <summary>Checks the request's DPoP proof. A client registered for bound tokens must send one (RFC 9449 §5, §5.2).</summary>
internal sealed class RequireDpopProof(DpopProofs proofs) : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public async ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var proof = await proofs.ReadAsync(request.Http, ProtocolRoutes.Token);
        if (proof.IsRefused)
            request.Refuse(context, proof.Error);
        else if (proof.Proof is null && request.Client.Metadata.DpopBoundAccessTokens == true)
            request.Refuse(context, Errors.DpopProofLeftOut);
        else
            request.DpopThumbprint = proof.Thumbprint;
    }
}
