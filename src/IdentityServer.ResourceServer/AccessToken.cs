using System.Buffers.Binary;
using System.Security.Claims;
using System.Text.Json;
using Dpop;

namespace IdentityServer.ResourceServer;

/// <summary>A verified access token (RFC 9068 §2.2). Immutable, shared by all requests that carry it.</summary>
public sealed class AccessToken
{
    // OpenID Connect Core §2: a sub is at most 255 characters; the other names have the same limit.
    private const int MaximumNameLength = 255;

    private AccessToken(RegisteredClaims registered, JsonElement claims, string jwtId, string clientId)
    {
        (Subject, ClientId, JwtId) = (registered.Subject, clientId, jwtId);
        (ExpiresAt, IssuedAt, NotBefore) = (registered.ExpiresAt, registered.IssuedAt, registered.NotBefore);
        GrantId = TextOf(claims, "grant_id");
        KeyThumbprint = MemberOf(claims, "cnf", "jkt");
        CertificateThumbprint = MemberOf(claims, "cnf", "x5t#S256");
        Actor = MemberOf(claims, "act", "sub");
        Scopes = (TextOf(claims, "scope") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Roles = ReadNames(claims, "roles");
        Permissions = ReadNames(claims, "permissions");
        SignedInAt = GrantId is not null && Guid.TryParseExact(GrantId, "D", out var grant) && grant.Version == 7
            ? MillisecondsOf(grant)
            : IssuedAt.ToUnixTimeMilliseconds();
    }

    public string Subject { get; }

    public string ClientId { get; }

    public string JwtId { get; }

    /// <summary>The sign-in that a user's token comes from; null for a client's own token.</summary>
    public string? GrantId { get; }

    /// <summary>The key that each request must prove possession of (RFC 9449 §6.1); null: no proof needed.</summary>
    public string? KeyThumbprint { get; }

    /// <summary>The SHA-256 of the certificate that the request's connection must have (RFC 8705 §3.1); null: none needed.</summary>
    public string? CertificateThumbprint { get; }

    /// <summary>The latest actor, if the token was exchanged (RFC 8693 §4.1).</summary>
    public string? Actor { get; }

    public DateTimeOffset ExpiresAt { get; }

    public DateTimeOffset IssuedAt { get; }

    public IReadOnlyList<string> Scopes { get; }

    public IReadOnlyList<string> Roles { get; }

    public IReadOnlyList<string> Permissions { get; }

    internal DateTimeOffset? NotBefore { get; }

    /// <summary>Unix milliseconds of the sign-in (from the grant's UUID v7), or of <c>iat</c> if there is no grant.</summary>
    internal long SignedInAt { get; }

    /// <summary>Set once, when it is verified.</summary>
    internal ClaimsIdentity? Identity { get; set; }

    public bool HasScope(string scope) => Scopes.Contains(scope);

    /// <summary>
    /// Parses a token strictly, before its signature is checked: null if it is not a well-formed access token, or a required
    /// claim is missing or can't be stored.
    /// </summary>
    internal static AccessToken? TryRead(string text, out StrictJwt? jwt) =>
        StrictJwt.TryRead(text, out jwt) && jwt.IsOfType("at+jwt") ? Find(jwt.Claims) : null;

    internal static AccessToken? Find(JsonElement claims)
    {
        // RFC 9068 §2.2: client_id, jti and iat are required; without them a token could escape its revocation.
        return RegisteredClaims.TryRead(claims, out var registered) && registered.IssuedAt > DateTimeOffset.UnixEpoch
            && TextOf(claims, "client_id") is { } client && IsName(client) && IsName(registered.Subject) && IsName(registered.JwtId)
            && StrictJson.TryGetString(claims, "scope", out _)
            // A token bound to something that is not checked here must not pass as unbound (RFC 7800 §3.1).
            && (!claims.TryGetProperty("cnf", out var cnf) || IsChecked(cnf))
            && (!claims.TryGetProperty("grant_id", out _) || IsName(TextOf(claims, "grant_id")))
            ? new AccessToken(registered, claims, registered.JwtId!, client)
            : null;
    }

    /// <summary>A new principal for each request, so that what an application adds to one does not leak into the next.</summary>
    internal ClaimsPrincipal ToPrincipal() => new(Identity!.Clone());

    /// <summary>Null: it is valid at this time (RFC 7519 §4.1.4, §4.1.5). A token from the future is refused too, because it would escape a revocation.</summary>
    internal BearerRefusal? RefuseTime(DateTimeOffset now, TimeSpan skew) =>
        now - skew >= ExpiresAt ? BearerRefusal.Expired
        : NotBefore > now + skew || IssuedAt > now + skew ? BearerRefusal.Invalid
        : null;

    private static bool IsChecked(JsonElement confirmation) =>
        confirmation.ValueKind == JsonValueKind.Object && confirmation.GetPropertyCount() > 0
        && confirmation.EnumerateObject().All(member => member.Name is "jkt" or "x5t#S256" && member.Value.ValueKind == JsonValueKind.String);

    private static string? TextOf(JsonElement claims, string name) => StrictJson.TryGetString(claims, name, out var value) ? value : null;

    private static string? MemberOf(JsonElement claims, string name, string member) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? TextOf(value, member) : null;

    private static bool IsName(string? value) =>
        value is { Length: > 0 and <= MaximumNameLength } && !value.Any(c => char.IsControl(c) || char.IsSurrogate(c));

    private static List<string> ReadNames(JsonElement claims, string claim) =>
        claims.TryGetProperty(claim, out var array) && array.ValueKind == JsonValueKind.Array
            ? [.. array.EnumerateArray().Where(element => element.ValueKind == JsonValueKind.String).Select(element => element.GetString()!)]
            : [];

    // RFC 9562 §5.7: the first 48 bits of a version 7 UUID are Unix milliseconds.
    private static long MillisecondsOf(Guid grant)
    {
        Span<byte> bytes = stackalloc byte[16];
        grant.TryWriteBytes(bytes, bigEndian: true, out _);
        return (long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16);
    }
}
