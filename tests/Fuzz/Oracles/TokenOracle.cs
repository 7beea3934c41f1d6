using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Fuzz.Oracles;

/// <summary>An independent reader of RFC 7515, RFC 7519 and RFC 9068: decides whether to accept a token.</summary>
internal sealed class TokenOracle(ECDsa ecKey, string ecKeyId, RSA rsaKey, string rsaKeyId, string issuer, string audience, TimeSpan skew)
{
    public bool Accepts(byte[] token, DateTimeOffset now)
    {
        var text = Encoding.Latin1.GetString(token);
        var parts = text.Split('.');
        if (text.Length > 16 * 1024 || parts.Length != 3 || Decode(parts[0]) is not { Length: <= 2048 } header || Decode(parts[1]) is not { } payload || Decode(parts[2]) is not { } signature)
            return false;
        return IsSigned(header, Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]), signature) && HasGoodClaims(payload, now);
    }

    /// <summary>One spelling for each value: decoding and encoding must give the same text.</summary>
    public static byte[]? Decode(string text)
    {
        if (text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')) || text.Length % 4 == 1)
            return null;
        var bytes = Convert.FromBase64String(text.Replace('-', '+').Replace('_', '/') + new string('=', (4 - (text.Length % 4)) % 4));
        return Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_') == text ? bytes : null;
    }

    private bool IsSigned(byte[] header, byte[] signed, byte[] signature)
    {
        var json = Json.Parse(header, JsonRules.Strict);
        if (json?.Kind != JsonKind.Object || json["crit"] is not null || json["typ"] is not { Kind: JsonKind.Text } type || json["kid"] is { Kind: not JsonKind.Text })
            return false;
        var name = Lower(type.Text);
        if (name != "at+jwt" && name != "application/at+jwt")
            return false;
        var keyId = json["kid"]?.Text;
        return json["alg"] is { Kind: JsonKind.Text } algorithm && algorithm.Text switch
        {
            "ES256" => keyId is null || keyId == ecKeyId ? ecKey.VerifyData(signed, signature, HashAlgorithmName.SHA256) : false,
            "RS256" => keyId is null || keyId == rsaKeyId ? rsaKey.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1) : false,
            _ => false,
        };
    }

    private bool HasGoodClaims(byte[] payload, DateTimeOffset now)
    {
        var json = Json.Parse(payload, JsonRules.Strict);
        if (json?.Kind != JsonKind.Object || json["iss"] is not { Kind: JsonKind.Text } iss || iss.Text != issuer || json["sub"] is not { Kind: JsonKind.Text, Text.Length: > 0 })
            return false;
        foreach (var name in (string[])["jti", "client_id", "scope"])
        {
            if (json[name] is { Kind: not JsonKind.Text })
                return false;
        }
        var audiences = json["aud"] is { Kind: JsonKind.Array } array ? array.Items : json["aud"] is { } one ? [one] : [];
        if (audiences.Exists(aud => aud.Kind != JsonKind.Text) || !audiences.Exists(aud => aud.Text == audience))
            return false;
        var (unix, leeway) = ((now - DateTimeOffset.UnixEpoch).TotalSeconds, skew.TotalSeconds);
        return Time(json["exp"], out var exp) && exp is not null && unix - leeway < exp
            && Time(json["nbf"], out var nbf) && !(nbf > unix + leeway)
            && Time(json["iat"], out var iat) && !(iat > unix + leeway);
    }

    /// <summary>False if it is not a time between the years 1970 and 9999.</summary>
    private static bool Time(Json? claim, out double? seconds)
    {
        seconds = null;
        if (claim is null)
            return true;
        if (claim.Kind != JsonKind.Number)
            return false;
        seconds = double.Parse(claim.Text, NumberStyles.Float, CultureInfo.InvariantCulture);
        return seconds is > 0 and <= 253402300799;
    }

    private static string Lower(string text) => new([.. text.Select(c => c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c)]);
}
