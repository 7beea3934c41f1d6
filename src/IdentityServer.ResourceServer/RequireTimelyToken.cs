using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>A token is valid from <c>nbf</c> to <c>exp</c>, and must not come from the future.</summary>
internal sealed class RequireTimelyToken(IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider) : IOpenIddictValidationHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (PresentedToken.Of(context.Transaction).Token!.RefuseTime(timeProvider.GetUtcNow(), options.Value.ClockSkew) is { } refusal)
            context.Refuse(refusal);
        return default;
    }
}
