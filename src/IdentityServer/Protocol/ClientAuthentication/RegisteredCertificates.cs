using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// <c>self_signed_tls_client_auth</c> (RFC 8705 §2.2): the certificate of the connection is one that the client registered, as
/// <c>x5c</c> of a key in its <c>jwks</c>, and within its validity period. Parsed once for each version of the configuration.
/// </summary>
internal sealed class RegisteredCertificates(TimeProvider timeProvider)
{
    private readonly ConditionalWeakTable<Client, string[]> _registered = [];

    /// <param name="certificate">The connection's certificate; null: none.</param>
    public bool IsRegistered(Client client, X509Certificate2? certificate)
    {
        var now = timeProvider.GetUtcNow();
        return certificate is not null && certificate.NotBefore <= now && now <= certificate.NotAfter
            && _registered.GetValue(client, Read).Contains(Confirmation.ThumbprintOf(certificate));
    }

    /// <summary>The client registered at least one certificate, and each <c>x5c</c> is well-formed.</summary>
    internal static bool AreIn(ClientMetadata metadata) => TryRead(metadata) is { Length: > 0 };

    /// <summary>The thumbprint of the first certificate of each key in a JWK Set, which is the key's own (RFC 7517 §4.7); null: one is malformed.</summary>
    private static string[]? TryRead(ClientMetadata metadata)
    {
        if (metadata.Jwks is not { } set)
            return null;
        var thumbprints = new List<string>();
        foreach (var key in set.GetProperty("keys").EnumerateArray())
        {
            if (key.ValueKind != JsonValueKind.Object || !key.TryGetProperty("x5c", out var chain))
                continue;
            if (chain.ValueKind != JsonValueKind.Array || chain.GetArrayLength() == 0 || chain[0].ValueKind != JsonValueKind.String || !chain[0].TryGetBytesFromBase64(out var encoded))
                return null;
            try
            {
                using var certificate = X509CertificateLoader.LoadCertificate(encoded);
                thumbprints.Add(Confirmation.ThumbprintOf(certificate));
            }
            catch (CryptographicException)
            {
                return null;
            }
        }
        return [.. thumbprints];
    }

    // The set was validated at registration.
    private static string[] Read(Client client) => TryRead(client.Metadata) ?? [];
}
