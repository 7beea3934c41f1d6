using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace IdentityServer.Http;

/// <summary>
/// A connection from a known proxy is the proxy's, and so is its certificate. The client's is what the proxy says it is, in the header
/// that the settings name (RFC 8705 §6.5); from anybody else that header is nothing.
/// </summary>
internal static class ForwardedCertificates
{
    public static void AddForwardedCertificates(this IServiceCollection services, MutualTlsSettings settings)
    {
        if (settings.ProxyHeader is { } header)
            services.AddCertificateForwarding(options => (options.CertificateHeader, options.HeaderConverter) = (header, Read));
    }

    /// <summary>Before the forwarded headers are read, which put the caller's address in the proxy's place.</summary>
    public static void UseForwardedCertificates(this WebApplication app)
    {
        var settings = app.Services.GetRequiredService<MutualTlsSettings>();
        if (!settings.IsEnabled)
            return;
        var proxies = app.Services.GetRequiredService<IOptions<ForwardedHeadersOptions>>().Value;
        app.UseWhen(httpContext => IsKnown(proxies, httpContext.Connection.RemoteIpAddress), proxied =>
        {
            proxied.Use((httpContext, next) =>
            {
                httpContext.Features.Set<ITlsConnectionFeature>(new TlsConnectionFeature());
                return next(httpContext);
            });
            if (settings.ProxyHeader is not null)
                proxied.UseCertificateForwarding();
        });
    }

    private static bool IsKnown(ForwardedHeadersOptions proxies, IPAddress? address)
    {
        if (address is { IsIPv4MappedToIPv6: true })
            address = address.MapToIPv4();
        return address is not null && (proxies.KnownProxies.Contains(address) || proxies.KnownIPNetworks.Any(network => network.Contains(address)));
    }

    /// <summary>
    /// Percent-encoded PEM, as nginx writes it, or base64, with the colons of RFC 9440 or without. What throws here is no certificate to
    /// the middleware.
    /// </summary>
    private static X509Certificate2 Read(string header)
    {
        const string begin = "-----BEGIN CERTIFICATE-----", end = "-----END CERTIFICATE-----";
        var text = Uri.UnescapeDataString(header).Trim(' ', '\n', ':');
        if (text.StartsWith(begin, StringComparison.Ordinal) && text.EndsWith(end, StringComparison.Ordinal))
            text = text[begin.Length..^end.Length];
        return X509CertificateLoader.LoadCertificate(Convert.FromBase64String(text));
    }
}
