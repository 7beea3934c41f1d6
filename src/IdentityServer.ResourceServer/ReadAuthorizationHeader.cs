using Microsoft.AspNetCore;

namespace IdentityServer.ResourceServer;

/// <summary>Reads the token from the one Authorization header, with Bearer or DPoP (RFC 6750 §2.1, RFC 9449 §7.1), and from nowhere else.</summary>
internal sealed class ReadAuthorizationHeader : IOpenIddictValidationHandler<ProcessAuthenticationContext>
{
    public ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        if (context.Transaction.GetHttpRequest() is not { } request)
            return default;
        context.AccessToken = AuthorizationHeader.Read(request, out var isDpop, out var refusal);
        var presented = PresentedToken.Of(context.Transaction);
        presented.IsDpop = isDpop;
        request.HttpContext.Features.Set(presented);
        if (refusal is not null)
            context.Refuse(refusal);
        return default;
    }
}
