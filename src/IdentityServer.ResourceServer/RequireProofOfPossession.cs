using Microsoft.AspNetCore;

namespace IdentityServer.ResourceServer;

/// <summary>
/// A token that is bound to a key goes with a proof of that key, and one that is bound to none without (RFC 9449 §7); one that is bound
/// to a certificate by a connection that has it (RFC 8705 §3).
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
