using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IdentityServer.Clients;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>The registered name in a client's CA-issued certificate: one of five kinds (RFC 8705 §2.1.2).</summary>
internal sealed record CertificateSubject(string Member, string Text)
{
    public const int MaximumLength = 2000;

    private const string DistinguishedNameMember = "tls_client_auth_subject_dn";
    private const string DnsMember = "tls_client_auth_san_dns";
    private const string UriMember = "tls_client_auth_san_uri";
    private const string IpMember = "tls_client_auth_san_ip";
    private const string EmailMember = "tls_client_auth_san_email";

    public static readonly string[] Members = [DistinguishedNameMember, DnsMember, UriMember, IpMember, EmailMember];

    public static CertificateSubject[] Of(ClientMetadata metadata) =>
    [
        .. Members.Zip([metadata.TlsClientAuthSubjectDn, metadata.TlsClientAuthSanDns, metadata.TlsClientAuthSanUri, metadata.TlsClientAuthSanIp, metadata.TlsClientAuthSanEmail])
            .Where(pair => pair.Second is not null).Select(pair => new CertificateSubject(pair.First, pair.Second!)),
    ];

    /// <param name="isNeeded">Whether the client authenticates with it.</param>
    /// <returns>What a member must be, in ASCII; null: all members are valid.</returns>
    public static (string Member, string Rule)? MistakeIn(ClientMetadata metadata, bool isNeeded)
    {
        var names = Of(metadata);
        if (names.Length > 1)
            return (names[1].Member, $"left out beside {names[0].Member}: a certificate is known by one name");
        if (names.Length == 0)
            return isNeeded ? (DistinguishedNameMember, $"given for tls_client_auth, or one of {string.Join(", ", Members[1..])}") : null;
        return names[0].IsWellFormed ? null : (names[0].Member, names[0].Rule);
    }

    public bool IsOf(X509Certificate2 certificate)
    {
        try
        {
            return Member switch
            {
                DistinguishedNameMember => DistinguishedName.TryParse(Text)?.IsSame(DistinguishedName.Of(certificate.SubjectName)) == true,
                DnsMember => Texts(certificate, 2).Contains(Text, StringComparer.OrdinalIgnoreCase),
                // RFC 3986 §6.2.1: compared character by character.
                UriMember => Texts(certificate, 6).Contains(Text, StringComparer.Ordinal),
                // RFC 5952 §8: compared by value.
                IpMember => AlternativeNames(certificate, 7).Any(IPAddress.Parse(Text).GetAddressBytes().SequenceEqual),
                _ => Texts(certificate, 1).Any(IsSameMailbox),
            };
        }
        catch (AsnContentException)
        {
            return false;
        }
    }

    private bool IsWellFormed => Member switch
    {
        DistinguishedNameMember => DistinguishedName.TryParse(Text) is not null,
        _ when !Text.All(c => c is > ' ' and <= '~') => false,
        DnsMember => Uri.CheckHostName(Text) == UriHostNameType.Dns,
        UriMember => Uri.IsWellFormedUriString(Text, UriKind.Absolute),
        // Refuses .NET's short forms, and zones.
        IpMember => IPAddress.TryParse(Text, out var address) && (Text.Contains(':') ? Text.IndexOfAny(['%', '[', '/']) < 0 : address.ToString() == Text),
        _ => Text.Split('@') is [{ Length: > 0 }, { Length: > 0 }],
    };

    private string Rule => Member switch
    {
        DistinguishedNameMember => "a distinguished name such as CN=bank,O=Bank AG,C=CH (RFC 4514)",
        DnsMember => "a host name",
        UriMember => "an absolute URI",
        IpMember => "an IP address",
        _ => "an e-mail address",
    };

    /// <summary>RFC 5280 §7.5: the case of the host doesn't count.</summary>
    private bool IsSameMailbox(string other)
    {
        var host = Text.IndexOf('@', StringComparison.Ordinal);
        return other.Length == Text.Length && other.AsSpan(0, host).SequenceEqual(Text.AsSpan(0, host)) && other.EndsWith(Text[host..], StringComparison.OrdinalIgnoreCase);
    }

    private static IEnumerable<string> Texts(X509Certificate2 certificate, int kind) => AlternativeNames(certificate, kind).Select(name => Encoding.Latin1.GetString(name));

    /// <param name="kind">The tag of RFC 5280 §4.2.1.6.</param>
    private static List<byte[]> AlternativeNames(X509Certificate2 certificate, int kind)
    {
        var names = new List<byte[]>();
        if (certificate.Extensions.FirstOrDefault(one => one.Oid?.Value == "2.5.29.17") is not { } extension)
            return names;
        var tag = new Asn1Tag(TagClass.ContextSpecific, kind);
        for (var sequence = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence(); sequence.HasData;)
        {
            if (sequence.PeekTag() == tag)
                names.Add(sequence.ReadOctetString(tag));
            else
                sequence.ReadEncodedValue();
        }
        return names;
    }
}
