using Microsoft.AspNetCore;

namespace IdentityServer.ResourceServer;

/// <summary>Makes the token available to <see cref="BearerDefaults.RequireAccessToken"/>.</summary>
internal sealed class ExposeAccessToken : IOpenIddictValidationHandler<ProcessAuthenticationContext>
{
    public ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        context.Transaction.GetHttpRequest()?.HttpContext.Features.Set(PresentedToken.Of(context.Transaction).Token);
        return default;
    }
}
