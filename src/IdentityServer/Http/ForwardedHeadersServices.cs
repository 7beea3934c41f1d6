using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using ServiceDefaults.Settings;

namespace IdentityServer.Http;

/// <summary>The caller's address behind a proxy, believed only from proxies that the settings name.</summary>
internal static class ForwardedHeadersServices
{
    public static void AddKnownProxies(this IServiceCollection services, SettingsReader settings)
    {
        var proxies = settings.Read<ForwardedHeadersSettings>().KnownProxies;
        services.Configure<ForwardedHeadersOptions>(options =>
        {
            options.ForwardedHeaders = proxies.Length == 0 ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
            // As many as there are, up to the first that is not listed: what stands left of it the caller may have written.
            options.ForwardLimit = null;
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
        });
        foreach (var proxy in proxies)
        {
            if (IPAddress.TryParse(proxy, out var address))
                services.Configure<ForwardedHeadersOptions>(options => options.KnownProxies.Add(address));
            else if (System.Net.IPNetwork.TryParse(proxy, out var network))
                services.Configure<ForwardedHeadersOptions>(options => options.KnownIPNetworks.Add(network));
            else
                throw SettingsReader.Impossible("ForwardedHeaders:KnownProxies", proxy, "IP addresses or networks such as 10.0.0.7 or 10.0.0.0/8");
        }
    }
}
