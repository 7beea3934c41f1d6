using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Jose;

/// <summary>A public key as RFC 7517 writes it; never a private one. Immutable.</summary>
public sealed class JsonWebKey
{
    // RFC 7518 §6.2.2, §6.3.2, §6.4.1: what only the owner of a key may have.
    private static readonly string[] PrivateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    internal JsonWebKey(PublicKey key, string? keyId, string? algorithm, string? use)
    {
        Key = key;
        KeyId = keyId;
        Algorithm = algorithm;
        Use = use;
        Thumbprint = key.Thumbprint();
    }

    /// <summary><c>EC</c> or <c>RSA</c>.</summary>
    public string KeyType => Key.KeyType;

    public string? KeyId { get; }

    /// <summary>As the JWK says. Without it the key type decides: EC is for ES256, RSA for RS256 unless who reads the set says PS256.</summary>
    public string? Algorithm { get; }

    public string? Use { get; }

    /// <summary>RFC 7638 with SHA-256, in base64url.</summary>
    public string Thumbprint { get; }

    /// <summary>The one algorithm that it verifies, named or not.</summary>
    public string VerifiedAlgorithm => Key.Algorithm;

    internal PublicKey Key { get; }

    /// <summary>RFC 7517 §4.2: it is for signatures, or does not say.</summary>
    public bool MayVerify => Use is null or "sig";

    public void WriteTo(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject();
        Key.WriteMembers(writer);
        WriteIfSet(writer, "kid", KeyId);
        WriteIfSet(writer, "use", Use);
        WriteIfSet(writer, "alg", Algorithm);
        writer.WriteEndObject();
    }

    /// <summary>Reads one JWK strictly; the error is one plain sentence that echoes nothing of the input.</summary>
    public static bool TryParse(JsonElement element, [NotNullWhen(true)] out JsonWebKey? key, [NotNullWhen(false)] out string? error)
    {
        // Read again: whoever parsed the element may have let duplicate members pass.
        if (element.ValueKind == JsonValueKind.Object
            && StrictJson.TryParseObject(JsonMarshal.GetRawUtf8Value(element), out var strict))
            return TryParseStrict(strict, JwsAlgorithms.RS256, out key, out error);

        key = null;
        error = "A JWK must be a JSON object without duplicate members.";
        return false;
    }

    /// <param name="rsa">What an RSA key without <c>alg</c> is for.</param>
    internal static bool TryParseStrict(JsonElement jwk, string rsa, [NotNullWhen(true)] out JsonWebKey? key, [NotNullWhen(false)] out string? error)
    {
        key = null;
        error = Check(jwk, out var kid, out var algorithm, out var use);
        if (error is not null || !TryParseMaterial(jwk, algorithm == JwsAlgorithms.PS256 ? algorithm : algorithm is null ? rsa : JwsAlgorithms.RS256, out var material, out error))
            return false;

        // RFC 8725 §3.1: a key is for one algorithm.
        if (algorithm is not null && algorithm != material.Algorithm)
        {
            error = "alg must be ES256 for an EC key and RS256 or PS256 for an RSA key.";
            return false;
        }

        key = new JsonWebKey(material, kid, algorithm, use);
        return true;
    }

    private static string? Check(JsonElement jwk, out string? kid, out string? algorithm, out string? use)
    {
        algorithm = use = null;
        if (!StrictJson.TryGetString(jwk, "kid", out kid) || !StrictJson.TryGetString(jwk, "alg", out algorithm) || !StrictJson.TryGetString(jwk, "use", out use))
            return "kid, alg and use must be strings.";

        foreach (var name in PrivateMembers)
        {
            if (jwk.TryGetProperty(name, out _))
                return "A private or symmetric key is not accepted.";
        }

        return IsForVerifying(jwk) ? null : "key_ops must be an array with verify in it.";
    }

    private static bool TryParseMaterial(JsonElement jwk, string rsa, [NotNullWhen(true)] out PublicKey? material, [NotNullWhen(false)] out string? error)
    {
        material = null;
        error = "kty must be EC or RSA.";
        return StrictJson.TryGetString(jwk, "kty", out var keyType) && keyType switch
        {
            "EC" => P256PublicKey.TryParse(jwk, out material, out error),
            "RSA" => RsaPublicKey.TryParse(jwk, rsa, out material, out error),
            _ => false,
        };
    }

    // RFC 7517 §4.3
    private static bool IsForVerifying(JsonElement jwk)
    {
        if (!jwk.TryGetProperty("key_ops", out var operations))
            return true;
        if (operations.ValueKind != JsonValueKind.Array)
            return false;

        foreach (var operation in operations.EnumerateArray())
        {
            if (operation.ValueKind == JsonValueKind.String && operation.ValueEquals("verify"))
                return true;
        }

        return false;
    }

    private static void WriteIfSet(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
            writer.WriteString(name, value);
    }
}
