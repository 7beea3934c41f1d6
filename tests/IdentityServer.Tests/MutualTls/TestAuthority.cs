using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IdentityServer.Tests.MutualTls;

/// <summary>A certificate authority, a root or one below another.</summary>
internal sealed class TestAuthority
{
    private const string ForClients = "1.3.6.1.5.5.7.3.2";

    public TestAuthority(string name, TestAuthority? above = null)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature, true));
        var now = TimeProvider.System.GetUtcNow();
        Certificate = above is null ? request.CreateSelfSigned(now.AddDays(-10), now.AddDays(10)) : above.Sign(request, key, -9, 9);
    }

    /// <summary>Includes the private key.</summary>
    public X509Certificate2 Certificate { get; }

    public string Pem => Certificate.ExportCertificatePem();

    public X509Certificate2 Issues(string subject = "CN=client", int fromDay = -1, int toDay = 1, string? usage = ForClients, Action<SubjectAlternativeNameBuilder>? names = null, string? issuerAt = null) =>
        Issues(new X500DistinguishedName(subject), fromDay, toDay, usage, names, issuerAt);

    public X509Certificate2 Issues(X500DistinguishedName subject, int fromDay = -1, int toDay = 1, string? usage = ForClients, Action<SubjectAlternativeNameBuilder>? names = null, string? issuerAt = null)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        if (usage is not null)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], true));
        if (names is not null)
        {
            var builder = new SubjectAlternativeNameBuilder();
            names(builder);
            request.CertificateExtensions.Add(builder.Build());
        }
        if (issuerAt is not null)
            request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(null, [issuerAt]));
        return Sign(request, key, fromDay, toDay);
    }

    /// <summary>The parts, outermost first; each is a set of attributes.</summary>
    public static X500DistinguishedName Name(params (string Type, UniversalTagNumber Tag, string Value)[][] parts)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var part in parts)
            {
                using var set = writer.PushSetOf();
                foreach (var (type, tag, value) in part)
                {
                    using var attribute = writer.PushSequence();
                    writer.WriteObjectIdentifier(type);
                    writer.WriteCharacterString(tag, value);
                }
            }
        }
        return new X500DistinguishedName(writer.Encode());
    }

    private X509Certificate2 Sign(CertificateRequest request, ECDsa key, int fromDay, int toDay)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var issued = request.Create(Certificate, now.AddDays(fromDay), now.AddDays(toDay), RandomNumberGenerator.GetBytes(16));
        return issued.CopyWithPrivateKey(key);
    }
}
