using System.Text.Json;
using Dpop;

namespace IdentityServer.Jwt;

/// <summary>The claims of a token whose signature holds and that met every expectation.</summary>
internal sealed class JwtClaims
{
    private JwtClaims(JsonElement root) => Root = root;

    public required string Issuer { get; init; }
    public required string Subject { get; init; }

    /// <summary>Empty when the token has no <c>aud</c>.</summary>
    public required IReadOnlyList<string> Audience { get; init; }

    public DateTimeOffset ExpiresAt { get; private init; }

    /// <summary>Without <c>iat</c> the earliest time there is: such a token is older than any revocation.</summary>
    public DateTimeOffset IssuedAt { get; private init; }

    public string? JwtId { get; private init; }
    public string? ClientId { get; private init; }
    public string? Scope { get; private init; }

    /// <summary>The whole claims object.</summary>
    public JsonElement Root { get; }

    /// <summary>Null when the claim is absent or no string.</summary>
    public string? GetString(string name) => StrictJson.TryGetString(Root, name, out var value) ? value : null;

    /// <param name="root">Read by <see cref="StrictJson"/>.</param>
    internal static JwtError Read(JsonElement root, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        claims = null;
        if (!StrictJson.TryGetString(root, "iss", out var issuer) || string.IsNullOrEmpty(issuer)
            || !StrictJson.TryGetString(root, "sub", out var subject) || string.IsNullOrEmpty(subject)
            || !StrictJson.TryGetString(root, "jti", out var jwtId)
            || !StrictJson.TryGetString(root, "client_id", out var clientId)
            || !StrictJson.TryGetString(root, "scope", out var scope)
            || !TryGetAudience(root, out var audience)
            || !StrictJson.TryGetTime(root, "exp", out var expiresAt) || expiresAt is null
            || !StrictJson.TryGetTime(root, "nbf", out var notBefore)
            || !StrictJson.TryGetTime(root, "iat", out var issuedAt))
            return JwtError.BadClaims;

        if (issuer != expectations.Issuer)
            return JwtError.WrongIssuer;
        if (expectations.Audience is { } expected && !audience.Contains(expected))
            return JwtError.WrongAudience;

        // RFC 7519 §4.1.4: not on or after exp.
        if (!expectations.AtAnyTime && now - expectations.ClockSkew >= expiresAt)
            return JwtError.Expired;

        // RFC 7519 §4.1.5; and nobody can have issued it in the future, which would let it outrun a revocation.
        var latest = now + expectations.ClockSkew;
        if (!expectations.AtAnyTime && (notBefore > latest || issuedAt > latest))
            return JwtError.NotYetValid;

        claims = new JwtClaims(root)
        {
            Issuer = issuer,
            Subject = subject,
            Audience = audience,
            ExpiresAt = expiresAt.Value,
            IssuedAt = issuedAt ?? DateTimeOffset.MinValue,
            JwtId = jwtId,
            ClientId = clientId,
            Scope = scope,
        };
        return JwtError.None;
    }

    // RFC 7519 §4.1.3: a string or an array of strings.
    private static bool TryGetAudience(JsonElement root, out string[] audience)
    {
        audience = [];
        if (!root.TryGetProperty("aud", out var member))
            return true;
        if (member.ValueKind == JsonValueKind.String)
            audience = [member.GetString()!];
        else if (member.ValueKind == JsonValueKind.Array && member.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
            audience = [.. member.EnumerateArray().Select(item => item.GetString()!)];
        else
            return false;
        return true;
    }
}
