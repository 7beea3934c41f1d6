using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace IdentityServer.ResourceServer;

/// <summary>
/// A certificate-bound token needs a connection with that certificate (RFC 8705 §3). Checked at each request, because the token is cached but
/// the connection differs. OpenIddict's own check does not run for cached tokens, and throws on one bound to a DPoP key.
/// </summary>
internal static class BoundCertificate
{
    /// <param name="httpContext">Null: there is no request, so no connection with a certificate.</param>
    public static BearerRefusal? Refuse(HttpContext? httpContext, AccessToken token)
    {
        if (token.CertificateThumbprint is not { } thumbprint)
            return null;
        var certificate = httpContext?.Connection.ClientCertificate;
        return certificate is not null && Base64Url.EncodeToString(SHA256.HashData(certificate.RawDataMemory.Span)) == thumbprint ? null : BearerRefusal.BoundToCertificate;
    }
}
