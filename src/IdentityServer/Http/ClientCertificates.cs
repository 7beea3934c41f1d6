using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace IdentityServer.Http;

/// <summary>
/// Asks https connections for a client certificate. Nobody need have one, and no chain is checked: TLS proves that the caller has the
/// key, and what its certificate is worth the client's registration says (RFC 8705 §2).
/// </summary>
internal static class ClientCertificates
{
    /// <summary>Of authorities between a root and the client; what is sent beyond is ignored.</summary>
    private const int MostSent = 8;

    private static readonly ConditionalWeakTable<X509Certificate2, X509Certificate2[]> Sent = [];

    public static void Apply(KestrelServerOptions kestrel, MutualTlsSettings settings)
    {
        if (!settings.IsEnabled)
            return;
        kestrel.ConfigureHttpsDefaults(https =>
        {
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();
            // A stranger's certificate must not say what this server fetches during the handshake.
            https.OnAuthenticate = static (_, tls) => tls.CertificateChainPolicy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
            if (settings.Authorities is not null)
                https.ClientCertificateValidation = Keep;
        });
    }

    /// <summary>The certificates that the client sent behind its own in the handshake; none where a proxy says the client's.</summary>
    public static X509Certificate2[] SentWith(X509Certificate2 certificate) => Sent.TryGetValue(certificate, out var sent) ? sent : [];

    private static bool Keep(X509Certificate2 certificate, X509Chain? chain, System.Net.Security.SslPolicyErrors errors)
    {
        if (chain?.ChainPolicy.ExtraStore is { Count: > 0 } sent)
            Sent.AddOrUpdate(certificate, [.. sent.Take(MostSent).Select(one => X509CertificateLoader.LoadCertificate(one.RawData))]);
        return true;
    }
}
