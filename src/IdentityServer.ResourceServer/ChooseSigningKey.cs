using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>
/// The key is the issuer's by <c>kid</c>, and for the algorithm that its JWK names (RFC 8725 §3.1): none is tried after another. A
/// <c>kid</c> that nobody knows makes us ask the issuer again, within bounds.
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
        // As it is written: to the library a slash more is the same issuer.
        context.TokenValidationParameters.ValidIssuers = [options.Value.Authority];
    }
}
