using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IdentityServer.Protocol.Jwt;

namespace IdentityServer.Protocol.Tokens;

/// <summary>What the user of a token must prove (RFC 7800 §3.1).</summary>
/// <param name="Key">The thumbprint of a key (RFC 9449 §6.1).</param>
/// <param name="Certificate">The SHA-256 of a certificate (RFC 8705 §3.1).</param>
/// <param name="IsUnderstood">False: it is bound to something that can't be proved here, so nobody may use it.</param>
internal readonly record struct Confirmation(string? Key, string? Certificate, bool IsUnderstood)
{
    public static Confirmation Of(JwtClaims claims)
    {
        if (!claims.Root.TryGetProperty(ClaimNames.Confirmation, out var confirmation))
            return new(null, null, IsUnderstood: true);
        var (key, certificate) = (Read(confirmation, ClaimNames.KeyThumbprint), Read(confirmation, ClaimNames.CertificateThumbprint));
        return new(key, certificate, IsUnderstood: key is not null || certificate is not null);
    }

    /// <summary>The hash of the whole certificate (RFC 8705 §3.1).</summary>
    public static string ThumbprintOf(X509Certificate2 certificate) => Base64Url.EncodeToString(SHA256.HashData(certificate.RawDataMemory.Span));

    /// <summary>Whether the connection has the certificate that the token is bound to; true if it is bound to none.</summary>
    public bool IsMetBy(X509Certificate2? certificate) => Certificate is null || certificate is not null && ThumbprintOf(certificate) == Certificate;

    private static string? Read(JsonElement confirmation, string name) =>
        confirmation.ValueKind == JsonValueKind.Object && confirmation.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
