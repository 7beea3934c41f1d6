using Dpop;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Skips the signature check for a token that passed it before, as long as the issuer's keys are the same.</summary>
internal sealed class FindVerifiedToken(IssuerKeys keys, IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider) : IOpenIddictValidationHandler<ProcessAuthenticationContext>
{
    public ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var presented = PresentedToken.Of(context.Transaction);
        presented.Hash = TokenHash.Of(context.AccessToken!);
        if (keys.Current is not { } known || known.Tokens.Find(presented.Hash) is not { } token)
            return default;

        (presented.Token, presented.IsVerified) = (token, true);
        (context.Configuration, context.ValidateAccessToken) = (known.Configuration, false);
        context.AccessTokenPrincipal = token.ToPrincipal();
        if (token.RefuseTime(timeProvider.GetUtcNow(), options.Value.ClockSkew) is { } refusal)
        {
            known.Tokens.Forget(presented.Hash);
            context.Refuse(refusal);
        }
        return default;
    }
}
