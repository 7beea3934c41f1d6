using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>
/// Chooses the issuer's key by <c>kid</c>, for the algorithm in its JWK (RFC 8725 §3.1). Keys are not tried one by one. A
/// unknown <c>kid</c> makes us ask the issuer again, within limits.
/// </summary>
internal sealed class ChooseSigningKey(IssuerKeys keys, IOptions<IdentityServerTokensOptions> options) : IOpenIddictValidationHandler<ValidateTokenContext>
{
    public async ValueTask HandleAsync(ValidateTokenContext context)
    {
        var (configuration, key) = await keys.FindKeyAsync(context.Configuration, PresentedToken.Of(context.Transaction).Jwt!, context.CancellationToken);
        if (key is null)
        {
            context.Refuse(BearerRefusal.Invalid);
            return;
        }
        context.Configuration = configuration;
        context.TokenValidationParameters.IssuerSigningKeys = [key];
        // Compared exactly: the library ignores a trailing slash of the issuer.
        context.TokenValidationParameters.ValidIssuers = [options.Value.Authority];
    }
}
