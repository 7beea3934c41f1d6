namespace IdentityServer.ResourceServer;

/// <summary>The guard before the library, which takes the last of two claims, respelled base64url, <c>crit</c>, and numbers written as text.</summary>
internal sealed class RequireStrictToken : IOpenIddictValidationHandler<ValidateTokenContext>
{
    public static OpenIddictValidationHandlerDescriptor Descriptor { get; } = OpenIddictValidationHandlerDescriptor.CreateBuilder<ValidateTokenContext>()
        .UseSingletonHandler<RequireStrictToken>()
        .SetOrder(OpenIddictValidationHandlers.Protection.ResolveTokenValidationParameters.Descriptor.Order + 300)
        .Build();

    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        var presented = PresentedToken.Of(context.Transaction);
        presented.Token = AccessToken.TryRead(context.Token, out var jwt);
        presented.Jwt = jwt;
        if (presented.Token is null)
            context.Refuse(BearerRefusal.Invalid);
        return default;
    }
}
