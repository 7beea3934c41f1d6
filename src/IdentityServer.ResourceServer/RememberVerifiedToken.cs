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
        if (keys.Current is { } known && known.Configuration == context.Configuration)
            known.Tokens.Remember(presented.Hash, presented.Token);
        return default;
    }
}
