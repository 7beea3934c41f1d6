using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IdentityServer.Clients;
using IdentityServer.Http;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// <c>tls_client_auth</c> (RFC 8705 §2.1): a trusted authority issued the certificate of the connection, to the subject that the client
/// registered. The authorities and the chain policy are OpenIddict's options. Its own subject check compares the hosts of the
/// client's redirect URIs.
/// </summary>
internal sealed class IssuedCertificates(IOptionsMonitor<OpenIddictServerOptions> options, TimeProvider timeProvider)
{
    public static void Trust(OpenIddictServerBuilder options, string path)
    {
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(path);
            // A stranger's certificate must not make this server fetch anything: neither issuers nor revocation lists.
            options.EnablePublicKeyInfrastructureTlsClientAuthentication(authorities, policy => (policy.RevocationMode, policy.DisableCertificateDownloads) = (X509RevocationMode.NoCheck, true));
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw SettingsReader.Impossible(MutualTlsSettings.AuthoritiesName, path, "the path of a readable PEM file of authorities' certificates, a root among them, and of no others");
        }
    }

    /// <param name="certificate">The connection's certificate; null: none.</param>
    public bool IsIssuedTo(Client client, X509Certificate2? certificate) =>
        certificate is not null && CertificateSubject.Of(client.Metadata) is [var subject] && subject.IsOf(certificate) && IsTrusted(certificate);

    private bool IsTrusted(X509Certificate2 certificate)
    {
        if (options.CurrentValue.PublicKeyInfrastructureTlsClientAuthenticationPolicy?.Clone() is not { } policy)
            return false;
        policy.VerificationTimeIgnored = false;
        policy.VerificationTime = timeProvider.GetUtcNow().UtcDateTime;
        policy.ExtraStore.AddRange(ClientCertificates.SentWith(certificate));
        using var chain = new X509Chain { ChainPolicy = policy };
        try
        {
            // An authority is not itself a client.
            return chain.Build(certificate) && chain.ChainElements.Count > 1;
        }
        catch (CryptographicException)
        {
            return false;
        }
        finally
        {
            foreach (var element in chain.ChainElements)
                element.Certificate.Dispose();
        }
    }
}
