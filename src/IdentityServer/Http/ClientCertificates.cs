using IdentityServer.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace IdentityServer.Http;

/// <summary>
/// Asks https connections for a client certificate. Nobody need have one, and no chain is checked: TLS proves that the caller has the
/// key, and what its certificate is worth the client's registration says (RFC 8705 §2.2).
/// </summary>
internal static class ClientCertificates
{
    public static void Apply(KestrelServerOptions kestrel, MutualTlsSettings settings)
    {
        if (!settings.IsEnabled)
            return;
        kestrel.ConfigureHttpsDefaults(https =>
        {
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();
        });
    }
}
