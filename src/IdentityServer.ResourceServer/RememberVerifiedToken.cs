using System.Security.Claims;

namespace IdentityServer.ResourceServer;

/// <summary>A token that passed every check which looks at the token alone is remembered by its hash.</summary>
internal sealed class RememberVerifiedToken(IssuerKeys keys) : IOpenIddictValidationHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        var presented = PresentedToken.Of(context.Transaction);
        presented.IsVerified = true;
        // The library's identity holds the token itself, which memory shall not.
        var identity = (ClaimsIdentity)context.Principal!.Identity!;
        presented.Token!.Identity = new ClaimsIdentity(identity.Claims, identity.AuthenticationType, identity.NameClaimType, identity.RoleClaimType);
        context.Principal = presented.Token.ToPrincipal();
        // Other keys may have come meanwhile.
        if (!IsCheckedEachTime(context.Options) && keys.Current is { } known && known.Configuration == context.Configuration)
            known.Tokens.Remember(presented.Hash, presented.Token);
        return default;
    }

    /// <summary>What the application asks of a token at each request, its database or handlers of its own, would not be asked of a remembered one.</summary>
    private static bool IsCheckedEachTime(OpenIddictValidationOptions options) =>
        options.EnableTokenEntryValidation || options.EnableAuthorizationEntryValidation
        || options.Handlers.Exists(handler => handler.ContextType == typeof(ValidateTokenContext)
            && handler.Type == OpenIddictValidationHandlerType.Custom && handler.ServiceDescriptor.ServiceType.Assembly != typeof(Handlers).Assembly);
}
