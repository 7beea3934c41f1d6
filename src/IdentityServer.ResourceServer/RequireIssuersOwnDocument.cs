using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>The metadata must name exactly the configured issuer (RFC 8414 §3.3), and keys are fetched only from an allowed address.</summary>
internal sealed class RequireIssuersOwnDocument(IOptions<IdentityServerTokensOptions> options) : IOpenIddictValidationHandler<HandleConfigurationResponseContext>
{
    public ValueTask HandleAsync(HandleConfigurationResponseContext context)
    {
        if ((string?)context.Response["issuer"] != options.Value.Authority)
            context.Reject("server_error", "The issuer's metadata names another issuer than the configured one.");
        else if (FindKeysAddress(context.Configuration.JsonWebKeySetUri!, options.Value) is { } address)
            context.Configuration.JsonWebKeySetUri = address;
        else
            context.Reject("server_error", "The issuer's metadata holds no usable jwks_uri.");
        return default;
    }

    internal static Uri? FindKeysAddress(Uri keys, IdentityServerTokensOptions options)
    {
        if (keys.Scheme != Uri.UriSchemeHttps && keys.Scheme != options.IssuerAddress.Scheme)
            return null;
        // With a backchannel address, the issuer's documents are fetched there too. Appended, not resolved: the rest of
        // http://id.example/ftp://x would otherwise be an address of its own, with a host and scheme that nobody configured.
        var authority = options.Authority.TrimEnd('/') + "/";
        return options.BackchannelAddress is not null && keys.AbsoluteUri.StartsWith(authority, StringComparison.Ordinal)
            ? Uri.TryCreate(options.IssuerAddress.AbsoluteUri + keys.AbsoluteUri[authority.Length..], UriKind.Absolute, out var behind) ? behind : null
            : keys;
    }
}
