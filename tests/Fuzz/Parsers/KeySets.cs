using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dpop;
using Fuzz.Inputs;
using Fuzz.Oracles;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;

namespace Fuzz.Parsers;

/// <summary>JWK sets: every key that is accepted is one by the arithmetic of RFC 7518.</summary>
internal sealed class KeySets : Target
{
    private static readonly BigInteger P = BigInteger.Pow(2, 256) - BigInteger.Pow(2, 224) + BigInteger.Pow(2, 192) + BigInteger.Pow(2, 96) - 1;
    private static readonly BigInteger B = BigInteger.Parse("41058363725152142129326129780047268409114441015993725554835256314039467401291", System.Globalization.CultureInfo.InvariantCulture);

    private static readonly JsonSerializerOptions AsPublished = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private static readonly byte[][] Sound = [.. MakeSound()];

    public override string Name => "key sets";
    public override int Share => 8;

    // A key brings a native handle and its thread-local slot.
    public override long AllocationBound(int length) => (256 * 1024) + (512L * length);

    public override byte[] Next(Mutator mutator) => mutator.OneIn(3) ? mutator.Damage(Sound) : mutator.DamageJson(Sound);

    public override Func<string?> Read(byte[] input)
    {
        var isRead = JwtVerifier.TryParse(input, PublicJwk.Algorithms, out var set);
        return () =>
        {
            if (isRead != set is not null)
                return "said one thing and gave another";
            var json = input.Length <= JwtVerifier.MaximumSetLength ? Json.Parse(input, JsonRules.Strict) : null;
            var members = json?.Kind == JsonKind.Object && json["keys"] is { Kind: JsonKind.Array } array ? array.Items : null;
            var sound = members?.Where(IsKey).ToArray();
            var ids = sound?.Where(key => key["kid"] is not null).Select(key => key["kid"]!.Text).ToArray();
            var isSet = ids is not null && ids.Distinct(StringComparer.Ordinal).Count() == ids.Length;
            if (isSet != isRead)
                return $"was read: {isRead}; by the oracle: {isSet}";
            if (set is null)
                return null;
            return set.Keys.Select(key => (key.Kty, (string?)key.KeyId)).SequenceEqual(sound!.Select(key => (key["kty"]!.Text, key["kid"]?.Text)))
                ? ""
                : $"has {set.Keys.Count()} keys; by the oracle {sound!.Length}";
        };
    }

    private static bool IsKey(Json key)
    {
        if (key.Kind != JsonKind.Object || ((string[])["d", "p", "q", "dp", "dq", "qi", "oth", "k"]).Any(name => key[name] is not null))
            return false;
        if (key["use"] is not null && key["use"]!.Text != "sig")
            return false;
        if (((string[])["kid", "alg", "use", "kty"]).Any(name => key[name] is { Kind: not JsonKind.Text }))
            return false;
        if (key["key_ops"] is { } operations && (operations.Kind != JsonKind.Array || !operations.Items.Exists(item => item is { Kind: JsonKind.Text, Text: "verify" })))
            return false;
        return key["kty"]?.Text switch
        {
            "EC" => key["alg"]?.Text is null or "ES256" && key["crv"] is { Kind: JsonKind.Text, Text: "P-256" } && IsOnCurve(Octets(key["x"]), Octets(key["y"])),
            "RSA" => key["alg"]?.Text is null or "RS256" or "PS256" && IsRsa(Octets(key["n"]), Octets(key["e"])),
            _ => false,
        };
    }

    private static byte[]? Octets(Json? member) => member?.Kind == JsonKind.Text ? TokenOracle.Decode(member.Text) : null;

    private static bool IsOnCurve(byte[]? x, byte[]? y)
    {
        if (x is not { Length: 32 } || y is not { Length: 32 })
            return false;
        var (a, b) = (new BigInteger(x, isUnsigned: true, isBigEndian: true), new BigInteger(y, isUnsigned: true, isBigEndian: true));
        return a < P && b < P && (BigInteger.ModPow(b, 2, P) - BigInteger.ModPow(a, 3, P) + (3 * a) - B) % P == 0;
    }

    private static bool IsRsa(byte[]? n, byte[]? e)
    {
        if (n is null or [] || e is null or [] || n[0] == 0 || e[0] == 0)
            return false;
        var (modulus, exponent) = (new BigInteger(n, isUnsigned: true, isBigEndian: true), new BigInteger(e, isUnsigned: true, isBigEndian: true));
        return !modulus.IsEven && modulus.GetBitLength() is >= 2048 and <= 8192 && !exponent.IsEven && exponent > 65536 && exponent < BigInteger.Pow(2, 32);
    }

    private static IEnumerable<byte[]> MakeSound()
    {
        using var ec = SigningKey.Generate(SecurityAlgorithms.EcdsaSha256);
        using var rsa = SigningKey.Generate(SecurityAlgorithms.RsaSha256);
        foreach (var keys in (SigningKey[][])[[ec], [rsa], [ec, rsa]])
        {
            yield return JsonSerializer.SerializeToUtf8Bytes(
                new { Keys = keys.Select(key => key.PublicKey).Select(key => new { key.Kty, key.Crv, key.X, key.Y, key.N, key.E, key.Kid, key.Use, key.Alg }) }, AsPublished);
        }
        yield return Encoding.UTF8.GetBytes("""
            {"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"é","key_ops":["sign","verify"]},
            {"kty":"oct","k":"AAAA"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],"more":1}
            """);
    }
}
