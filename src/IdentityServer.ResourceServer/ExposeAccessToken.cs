using Microsoft.AspNetCore;

namespace IdentityServer.ResourceServer;

/// <summary>The application finds the token by <see cref="BearerDefaults.RequireAccessToken"/>.</summary>
internal sealed class ExposeAccessToken : IOpenIddictValidationHandler<ProcessAuthenticationContext>
{
    public static OpenIddictValidationHandlerDescriptor Descriptor { get; } = OpenIddictValidationHandlerDescriptor.CreateBuilder<ProcessAuthenticationContext>()
        .UseSingletonHandler<ExposeAccessToken>()
        .SetOrder(int.MaxValue - 1000)
        .Build();

    public ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        context.Transaction.GetHttpRequest()?.HttpContext.Features.Set(PresentedToken.Of(context.Transaction).Token);
        return default;
    }
}
