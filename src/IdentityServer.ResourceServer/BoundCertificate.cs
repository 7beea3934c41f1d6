using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace IdentityServer.ResourceServer;

/// <summary>
/// A token that is bound to a certificate is for whoever has it (RFC 8705 §3). Asked at each request, for a token is remembered and
/// the connection is another. OpenIddict's own check sees no remembered token, and throws at one that is bound to a DPoP key.
/// </summary>
internal static class BoundCertificate
{
    /// <param name="context">Null: there is no request, and so no connection that could have a certificate.</param>
    public static BearerRefusal? Refuse(HttpContext? context, AccessToken token)
    {
        if (token.CertificateThumbprint is not { } thumbprint)
            return null;
        var certificate = context?.Connection.ClientCertificate;
        return certificate is not null && Base64Url.EncodeToString(SHA256.HashData(certificate.RawDataMemory.Span)) == thumbprint ? null : BearerRefusal.BoundToCertificate;
    }
}
