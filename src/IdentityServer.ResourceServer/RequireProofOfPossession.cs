using Microsoft.AspNetCore;

namespace IdentityServer.ResourceServer;

/// <summary>
/// A key-bound token needs a proof of its key, and any other must come without one (RFC 9449 §7). A certificate-bound
/// token needs a connection with its certificate (RFC 8705 §3).
/// </summary>
internal sealed class RequireProofOfPossession(DpopProofs proofs) : IOpenIddictValidationHandler<ProcessAuthenticationContext>
{
    public ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var presented = PresentedToken.Of(context.Transaction);
        var http = context.Transaction.GetHttpRequest()?.HttpContext;
        if ((BoundCertificate.Refuse(http, presented.Token!) ?? proofs.Refuse(http, context.AccessToken!, presented.Token!, presented.IsDpop)) is { } refusal)
            context.Refuse(refusal);
        return default;
    }
}
