using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Dpop;

/// <summary>The claims of RFC 7519 §4.1, each with its JSON type: the library would accept a number written as a string.</summary>
/// <param name="IssuedAt">Without <c>iat</c> the earliest possible time, so that the token is older than any revocation.</param>
public sealed record RegisteredClaims(
    string Issuer, string Subject, IReadOnlyList<string> Audience, DateTimeOffset ExpiresAt, DateTimeOffset IssuedAt, DateTimeOffset? NotBefore, string? JwtId)
{
    public static bool TryRead(JsonElement claims, [NotNullWhen(true)] out RegisteredClaims? registered)
    {
        registered = null;
        if (StrictJson.TryGetString(claims, "iss", out var issuer) && issuer is { Length: > 0 }
            && StrictJson.TryGetString(claims, "sub", out var subject) && subject is { Length: > 0 }
            && StrictJson.TryGetString(claims, "jti", out var jwtId)
            && StrictJson.TryGetTime(claims, "exp", out var expiresAt) && expiresAt is not null
            && StrictJson.TryGetTime(claims, "iat", out var issuedAt)
            && StrictJson.TryGetTime(claims, "nbf", out var notBefore)
            && ReadAudience(claims) is { } audience)
            registered = new(issuer, subject, audience, expiresAt.Value, issuedAt ?? DateTimeOffset.MinValue, notBefore, jwtId);
        return registered is not null;
    }

    // RFC 7519 §4.1.3: a string or an array of strings.
    private static List<string>? ReadAudience(JsonElement claims)
    {
        if (!claims.TryGetProperty("aud", out var audience))
            return [];
        if (audience.ValueKind == JsonValueKind.String)
            return [audience.GetString()!];
        return audience.ValueKind == JsonValueKind.Array && audience.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. audience.EnumerateArray().Select(item => item.GetString()!)]
            : null;
    }
}
