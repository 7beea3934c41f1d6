using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>A client registered for certificate-bound tokens gets only those, and only over a connection with a certificate (RFC 8705 §3.4).</summary>
internal sealed class BindToClientCertificate : IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        if (request.Client.Metadata.TlsClientCertificateBoundAccessTokens != true)
            return default;
        if (context.Transaction.RemoteCertificate is { } certificate)
            request.CertificateThumbprint = Confirmation.ThumbprintOf(certificate);
        else
            request.Refuse(context, Errors.CertificateMissing);
        return default;
    }
}
