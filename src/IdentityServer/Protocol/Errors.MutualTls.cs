using System.Net;
using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Certificate-bound tokens: RFC 8705 §3
    public static readonly OAuthError CertificateMissing = new(InvalidRequest, "This needs tokens that are bound to the client's certificate, and a TLS connection with that certificate.");
    public static readonly OAuthError TokenIsBoundToCertificate = new(InvalidToken, "The access token is bound to a certificate that this connection does not have.", HttpStatusCode.Unauthorized);
}

public static partial class ClaimNames
{
    /// <summary>The SHA-256 of a certificate, within <see cref="Confirmation"/> (RFC 8705 §3.1).</summary>
    public const string CertificateThumbprint = "x5t#S256";
}
