using System.Text.Json;
using Dpop;

namespace IdentityServer.Protocol.Jwt;

/// <summary>The claims of a token whose signature is valid and that met every expectation.</summary>
internal sealed class JwtClaims
{
    private readonly RegisteredClaims _registered;

    private JwtClaims(RegisteredClaims registered, JsonElement root, string? clientId, string? scope) =>
        (_registered, Root, ClientId, Scope) = (registered, root, clientId, scope);

    public string Issuer => _registered.Issuer;
    public string Subject => _registered.Subject;

    /// <summary>Empty when the token has no <c>aud</c>.</summary>
    public IReadOnlyList<string> Audience => _registered.Audience;

    public DateTimeOffset ExpiresAt => _registered.ExpiresAt;

    /// <summary>Without <c>iat</c> the earliest possible time, so that the token is older than any revocation.</summary>
    public DateTimeOffset IssuedAt => _registered.IssuedAt;

    public string? JwtId => _registered.JwtId;
    public string? ClientId { get; }
    public string? Scope { get; }

    /// <summary>The whole claims object.</summary>
    public JsonElement Root { get; }

    /// <summary>Null if the claim is absent or not a string.</summary>
    public string? GetString(string name) => StrictJson.TryGetString(Root, name, out var value) ? value : null;

    /// <param name="root">Read by <see cref="StrictJson"/>.</param>
    internal static JwtError Read(JsonElement root, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        claims = null;
        if (!RegisteredClaims.TryRead(root, out var registered)
            || !StrictJson.TryGetString(root, "client_id", out var clientId)
            || !StrictJson.TryGetString(root, "scope", out var scope))
            return JwtError.BadClaims;
        if (registered.Issuer != expectations.Issuer)
            return JwtError.WrongIssuer;
        if (expectations.Audience is { } expected && !registered.Audience.Contains(expected))
            return JwtError.WrongAudience;

        // RFC 7519 §4.1.4: not on or after exp.
        if (!expectations.AtAnyTime && now - expectations.ClockSkew >= registered.ExpiresAt)
            return JwtError.Expired;

        // RFC 7519 §4.1.5. A token from the future is refused too, because it would escape a revocation.
        var latest = now + expectations.ClockSkew;
        if (!expectations.AtAnyTime && (registered.NotBefore > latest || registered.IssuedAt > latest))
            return JwtError.NotYetValid;

        claims = new JwtClaims(registered, root, clientId, scope);
        return JwtError.None;
    }
}
