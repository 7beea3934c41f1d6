using System.Security.Claims;

namespace IdentityServer.ResourceServer;

/// <summary>Remembers, by its hash, a token that passed every check that depends only on the token.</summary>
internal sealed class RememberVerifiedToken(IssuerKeys keys) : IOpenIddictValidationHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        var presented = PresentedToken.Of(context.Transaction);
        presented.IsVerified = true;
        // The library's identity holds the token itself, which must not be kept in memory.
        var identity = (ClaimsIdentity)context.Principal!.Identity!;
        presented.Token!.Identity = new ClaimsIdentity(identity.Claims, identity.AuthenticationType, identity.NameClaimType, identity.RoleClaimType);
        context.Principal = presented.Token.ToPrincipal();
        // The keys may have changed in the meantime.
        if (!IsCheckedEachTime(context.Options) && keys.Current is { } known && known.Configuration == context.Configuration)
            known.Tokens.Remember(presented.Hash, presented.Token);
        return default;
    }

    /// <summary>The application's own checks at each request (token entries, its own handlers) would be skipped for a cached token.</summary>
    private static bool IsCheckedEachTime(OpenIddictValidationOptions options) =>
        options.EnableTokenEntryValidation || options.EnableAuthorizationEntryValidation
        || options.Handlers.Exists(handler => handler.ContextType == typeof(ValidateTokenContext)
            && handler.Type == OpenIddictValidationHandlerType.Custom && handler.ServiceDescriptor.ServiceType.Assembly != typeof(Handlers).Assembly);
}
