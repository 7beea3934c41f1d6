using System.Text.Json;

namespace Jose;

/// <summary>The claims of a token whose signature holds and that met every expectation.</summary>
public sealed class JwtClaims
{
    // 9999-12-31T23:59:59Z, the last second that the base library knows.
    private const double LastSecond = 253402300799;

    private JwtClaims(JsonElement root, string issuer, string subject, IReadOnlyList<string> audience)
    {
        Root = root;
        Issuer = issuer;
        Subject = subject;
        Audience = audience;
    }

    public string Issuer { get; }
    public string Subject { get; }

    /// <summary>Empty when the token has no <c>aud</c>.</summary>
    public IReadOnlyList<string> Audience { get; }

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

    internal static JwtError Read(ReadOnlySpan<byte> payload, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        claims = null;
        if (!StrictJson.TryParseObject(payload, out var root))
            return JwtError.Malformed;

        if (!StrictJson.TryGetString(root, "iss", out var issuer) || string.IsNullOrEmpty(issuer)
            || !StrictJson.TryGetString(root, "sub", out var subject) || string.IsNullOrEmpty(subject)
            || !StrictJson.TryGetString(root, "jti", out var jwtId)
            || !StrictJson.TryGetString(root, "client_id", out var clientId)
            || !StrictJson.TryGetString(root, "scope", out var scope)
            || !TryGetAudience(root, out var audience)
            || !TryGetTime(root, "exp", out var expiresAt) || expiresAt is null
            || !TryGetTime(root, "nbf", out var notBefore)
            || !TryGetTime(root, "iat", out var issuedAt))
            return JwtError.BadClaims;

        if (expectations.MaximumLifetime is { } most && (issuedAt is null || expiresAt - issuedAt > most))
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

        claims = new JwtClaims(root, issuer, subject, audience)
        {
            ExpiresAt = expiresAt.Value,
            IssuedAt = issuedAt ?? DateTimeOffset.MinValue,
            JwtId = jwtId,
            ClientId = clientId,
            Scope = scope,
        };
        return JwtError.None;
    }

    // RFC 7519 §4.1.3: a string or an array of strings.
    private static bool TryGetAudience(JsonElement root, out List<string> audience)
    {
        audience = [];
        if (!root.TryGetProperty("aud", out var member))
            return true;

        if (member.ValueKind == JsonValueKind.String)
        {
            audience.Add(member.GetString()!);
            return true;
        }

        if (member.ValueKind != JsonValueKind.Array)
            return false;

        foreach (var item in member.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String)
                return false;

            audience.Add(item.GetString()!);
        }

        return true;
    }

    /// <summary>RFC 7519 §2, NumericDate: a number, a fraction allowed. Null when absent; false when it is no time after 1970 and before 10000.</summary>
    internal static bool TryGetTime(JsonElement root, string name, out DateTimeOffset? time)
    {
        time = null;
        if (!root.TryGetProperty(name, out var member))
            return true;

        if (member.ValueKind != JsonValueKind.Number || !member.TryGetDouble(out var seconds) || seconds is not (> 0 and <= LastSecond))
            return false;

        // Exact for whole seconds: ten million is a multiple of 128, so the product fits a double.
        time = DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }
}
