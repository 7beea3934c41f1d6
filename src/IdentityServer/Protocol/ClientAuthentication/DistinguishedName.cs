using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// A distinguished name, from its text (RFC 4514) or from a certificate. Two are compared as RFC 5280 §7.1 asks: attribute by attribute,
/// ignoring string types, case and repeated spaces.
/// </summary>
internal sealed partial class DistinguishedName
{
    // RFC 4514 §3, and other attributes that company certificates use.
    private static readonly Dictionary<string, string> Types = new(StringComparer.OrdinalIgnoreCase)
    {
        ["CN"] = "2.5.4.3", ["SN"] = "2.5.4.4", ["serialNumber"] = "2.5.4.5", ["C"] = "2.5.4.6", ["L"] = "2.5.4.7", ["ST"] = "2.5.4.8", ["STREET"] = "2.5.4.9",
        ["O"] = "2.5.4.10", ["OU"] = "2.5.4.11", ["title"] = "2.5.4.12", ["businessCategory"] = "2.5.4.15", ["postalCode"] = "2.5.4.17", ["GN"] = "2.5.4.42",
        ["givenName"] = "2.5.4.42", ["organizationIdentifier"] = "2.5.4.97", ["UID"] = "0.9.2342.19200300.100.1.1", ["DC"] = "0.9.2342.19200300.100.1.25",
        ["emailAddress"] = "1.2.840.113549.1.9.1",
    };

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly HashSet<Attribute>[] _parts;

    /// <param name="parts">Each a set of attributes, outermost first, as in a certificate.</param>
    private DistinguishedName(IEnumerable<IEnumerable<Attribute>> parts) => _parts = [.. parts.Select(part => part.ToHashSet())];

    public bool IsSame(DistinguishedName other) => _parts.Length == other._parts.Length && _parts.Zip(other._parts).All(pair => pair.First.SetEquals(pair.Second));

    /// <exception cref="AsnContentException">It is not a distinguished name.</exception>
    public static DistinguishedName Of(X500DistinguishedName name)
    {
        var parts = new List<List<Attribute>>();
        var sequence = new AsnReader(name.RawData, AsnEncodingRules.DER).ReadSequence();
        while (sequence.HasData)
        {
            var (set, part) = (sequence.ReadSetOf(), new List<Attribute>());
            while (set.HasData)
            {
                var attribute = set.ReadSequence();
                part.Add(Attribute.Of(attribute.ReadObjectIdentifier(), attribute.ReadEncodedValue()));
            }
            parts.Add(part);
        }
        return new(parts);
    }

    /// <returns>Null: it is not a distinguished name, or has an attribute type that is neither known nor numeric.</returns>
    public static DistinguishedName? TryParse(string text)
    {
        var (parts, part, separator) = (new List<List<Attribute>>(), new List<Attribute>(), ",");
        for (var match = AttributePattern().Match(text); match.Success; match = match.NextMatch())
        {
            var (type, value) = (match.Groups["type"].Value, match.Groups["value"].Value.TrimStart(' '));
            if (!char.IsAsciiDigit(type[0]) && !Types.TryGetValue(type, out type))
                return null;
            try
            {
                part.Add(value.StartsWith('#') ? Attribute.Of(type, Convert.FromHexString(value.AsSpan(1).TrimEnd(' '))) : Attribute.Of(type, Unescape(value)));
            }
            catch (Exception malformed) when (malformed is AsnContentException or FormatException or DecoderFallbackException)
            {
                return null;
            }
            separator = match.Groups["separator"].Value;
            if (separator == "+")
                continue;
            // In the text the innermost comes first.
            parts.Insert(0, part);
            part = [];
        }
        return separator.Length == 0 ? new(parts) : null;
    }

    /// <summary>Leading and trailing spaces don't count.</summary>
    private static string Unescape(string value)
    {
        var (utf8, unescaped) = (Encoding.UTF8.GetBytes(value), new List<byte>());
        for (var i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] != '\\')
                unescaped.Add(utf8[i]);
            else if (char.IsAsciiHexDigit((char)utf8[++i]))
                unescaped.Add(Convert.FromHexString(utf8.AsSpan(i++, 2))[0]);
            else
                unescaped.Add(utf8[i]);
        }
        return Utf8.GetString([.. unescaped]);
    }

    [GeneratedRegex("""\G *(?<type>[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+) *=(?<value>(?>[^,+"\\<>;\0]|\\[0-9A-Fa-f]{2}|\\[ "#+,;<=>\\])*)(?<separator>[,+]|\z)""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex AttributePattern();

    /// <param name="Value">The text in the form that is compared, or the hexadecimal encoding of a value that is not text.</param>
    private readonly record struct Attribute(string Type, string Value, bool IsText)
    {
        public static Attribute Of(string type, string text) => new(type, string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToUpperInvariant(), IsText: true);

        /// <exception cref="AsnContentException">The value is not well-formed.</exception>
        public static Attribute Of(string type, ReadOnlyMemory<byte> encoded)
        {
            var reader = new AsnReader(encoded, AsnEncodingRules.DER);
            var tag = (UniversalTagNumber)reader.PeekTag().TagValue;
            var isText = reader.PeekTag().TagClass == TagClass.Universal
                && tag is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String or UniversalTagNumber.T61String or UniversalTagNumber.BMPString or UniversalTagNumber.NumericString;
            var attribute = isText ? Of(type, reader.ReadCharacterString(tag)) : new(type, Convert.ToHexString(reader.ReadEncodedValue().Span), IsText: false);
            reader.ThrowIfNotEmpty();
            return attribute;
        }
    }
}
