using System.Text;
using System.Text.Json;

namespace Jose.Tests;

/// <summary>
/// An issuer that can also lie: it signs any header and any payload, well formed or not, with a real key.
/// </summary>
internal sealed class Issuer
{
    public const string Name = "https://issuer.example";
    public const string Api = "https://api.example";

    public static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    public static readonly JwtExpectations Expectations = new() { Type = "at+jwt", Issuer = Name, Audience = Api };

    public static readonly Issuer ES256 = new(JwsAlgorithms.ES256);
    public static readonly Issuer RS256 = new(JwsAlgorithms.RS256);

    private readonly PrivateKey _key;

    private Issuer(string algorithm)
    {
        Key = SigningKey.Generate(algorithm);
        _key = algorithm == JwsAlgorithms.ES256
            ? new P256PrivateKey(Key.ExportPkcs8())
            : new RsaPrivateKey(Key.ExportPkcs8());
        Verifier = new JwtVerifier(new JsonWebKeySet([Key.PublicKey]));
    }

    public SigningKey Key { get; }
    public JwtVerifier Verifier { get; }

    public string Header => $$"""{"alg":"{{Key.Algorithm}}","typ":"at+jwt","kid":"{{Key.KeyId}}"}""";

    /// <summary>Good claims but for one, given as raw JSON; null leaves it out.</summary>
    public static string Claims(string? name = null, string? json = null)
    {
        var claims = new Dictionary<string, string>
        {
            ["iss"] = $"\"{Name}\"",
            ["sub"] = "\"alice\"",
            ["aud"] = $"\"{Api}\"",
            ["exp"] = "1800003600",
            ["iat"] = "1800000000",
            ["jti"] = "\"t1\"",
            ["client_id"] = "\"shop\"",
            ["scope"] = "\"data:read data:write\"",
        };
        if (name is not null && json is null)
            claims.Remove(name);
        else if (name is not null)
            claims[name] = json!;

        return $"{{{string.Join(',', claims.Select(claim => $"\"{claim.Key}\":{claim.Value}"))}}}";
    }

    public string Token(string? header = null, string? claims = null) =>
        Token(Encoding.UTF8.GetBytes(header ?? Header), Encoding.UTF8.GetBytes(claims ?? Claims()));

    public string Token(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload) =>
        TokenOf(Base64Url.Encode(header), Base64Url.Encode(payload));

    /// <summary>Signs the two parts as they are spelled.</summary>
    public string TokenOf(string header, string payload) =>
        $"{header}.{payload}.{Base64Url.Encode(Signature($"{header}.{payload}"))}";

    public byte[] Signature(string signingInput)
    {
        var signature = new byte[_key.PublicKey.SignatureLength];
        _key.Sign(Encoding.ASCII.GetBytes(signingInput), signature);
        return signature;
    }

    public JwtError Verify(string token, JwtExpectations? expectations = null) =>
        Verifier.Verify(token, expectations ?? Expectations, Now, out _);

    public JwtClaims Accepted(string token, JwtExpectations? expectations = null)
    {
        Xunit.Assert.Equal(JwtError.None, Verifier.Verify(token, expectations ?? Expectations, Now, out var claims));
        return claims!;
    }

    public static JsonElement Json(string json) => JsonElement.Parse(json);

    public static JsonWebKey Jwk(string json)
    {
        Xunit.Assert.True(JsonWebKey.TryParse(Json(json), out var key, out var error), error);
        return key;
    }
}
