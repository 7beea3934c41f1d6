using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dpop;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Tests.Jwt;

/// <summary>
/// An issuer that can also forge: it signs any header and any payload, well formed or not, with a real key.
/// </summary>
internal sealed class Issuer
{
    public const string Name = "https://issuer.example";
    public const string Api = "https://api.example";

    public static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    public static readonly JwtExpectations Expectations = new() { Type = "at+jwt", Issuer = Name, Audience = Api };

    public static readonly Issuer ES256 = new(SecurityAlgorithms.EcdsaSha256);
    public static readonly Issuer RS256 = new(SecurityAlgorithms.RsaSha256);

    private Issuer(string algorithm)
    {
        Key = SigningKey.Generate(algorithm);
        Verifier = new JwtVerifier([Key.PublicKey]);
    }

    public SigningKey Key { get; }
    public JwtVerifier Verifier { get; }

    public string Header => $$"""{"alg":"{{Key.Algorithm}}","typ":"at+jwt","kid":"{{Key.KeyId}}"}""";

    /// <summary>Good claims except one, given as raw JSON; null leaves it out.</summary>
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
        TokenOf(Base64Url.EncodeToString(header), Base64Url.EncodeToString(payload));

    /// <summary>Signs the two parts as they are spelled.</summary>
    public string TokenOf(string header, string payload) =>
        $"{header}.{payload}.{Base64Url.EncodeToString(Signature($"{header}.{payload}"))}";

    public byte[] Signature(string signingInput)
    {
        var signature = new byte[Key.SignatureLength];
        Key.Sign(Encoding.ASCII.GetBytes(signingInput), signature);
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

    /// <summary>The key under another <c>kid</c>, as others may publish it; null: without one.</summary>
    public static JsonWebKey Named(SigningKey key, string? keyId)
    {
        var jwk = key.PublicKey;
        return new JsonWebKey { Kty = jwk.Kty, Crv = jwk.Crv, X = jwk.X, Y = jwk.Y, N = jwk.N, E = jwk.E, KeyId = keyId, Alg = jwk.Alg };
    }

    private static readonly JsonSerializerOptions AsPublished = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>A set as it is published.</summary>
    public static byte[] Jwks(params SigningKey[] keys) => JsonSerializer.SerializeToUtf8Bytes(
        new { Keys = keys.Select(key => key.PublicKey).Select(key => new { key.Kty, key.Crv, key.X, key.Y, key.N, key.E, key.Kid, key.Use, key.Alg }) }, AsPublished);

    public static JwtVerifier Read(ReadOnlySpan<byte> jwks)
    {
        Xunit.Assert.True(JwtVerifier.TryParse(jwks, PublicJwk.Algorithms, out var keys));
        return keys;
    }
}
