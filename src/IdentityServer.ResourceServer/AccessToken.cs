using System.Buffers.Binary;
using System.Security.Claims;
using System.Text.Json;
using Jose;

namespace IdentityServer.ResourceServer;

/// <summary>A verified access token (RFC 9068 §2.2). Immutable, shared by all requests that carry it.</summary>
public sealed class AccessToken
{
    // OpenID Connect Core §2: a sub is at most 255 characters; the other names live by the same limit.
    private const int MaximumNameLength = 255;

    private readonly ClaimsIdentity _identity;

    private AccessToken(JwtClaims claims, string jwtId, string clientId)
    {
        Subject = claims.Subject;
        ClientId = clientId;
        JwtId = jwtId;
        GrantId = claims.GetString("grant_id");
        KeyThumbprint = KeyOf(claims.Root);
        Actor = claims.Root.TryGetProperty("act", out var actor) && actor.ValueKind == JsonValueKind.Object && actor.TryGetProperty("sub", out var name) && name.ValueKind == JsonValueKind.String
            ? name.GetString()
            : null;
        ExpiresAt = claims.ExpiresAt;
        IssuedAt = claims.IssuedAt;
        Scopes = (claims.Scope ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Roles = ReadNames(claims.Root, "roles");
        Permissions = ReadNames(claims.Root, "permissions");
        SignedInAt = GrantId is not null && Guid.TryParseExact(GrantId, "D", out var grant) && grant.Version == 7
            ? MillisecondsOf(grant)
            : claims.IssuedAt.ToUnixTimeMilliseconds();
        _identity = new ClaimsIdentity(Claims(), BearerDefaults.Scheme, "sub", "roles");
    }

    public string Subject { get; }

    public string ClientId { get; }

    public string JwtId { get; }

    /// <summary>The sign-in that a user's token comes from; null for a client's own token.</summary>
    public string? GrantId { get; }

    /// <summary>The key whose possession each request with it must prove (RFC 9449 §6.1); null: it is a bearer token.</summary>
    public string? KeyThumbprint { get; }

    /// <summary>Who acts in the subject's name, where the token was exchanged (RFC 8693 §4.1): the latest of them.</summary>
    public string? Actor { get; }

    public DateTimeOffset ExpiresAt { get; }

    public DateTimeOffset IssuedAt { get; }

    public IReadOnlyList<string> Scopes { get; }

    public IReadOnlyList<string> Roles { get; }

    public IReadOnlyList<string> Permissions { get; }

    /// <summary>Unix milliseconds of the sign-in (the grant's UUID v7 tells them), or of <c>iat</c> where there is none.</summary>
    internal long SignedInAt { get; }

    public bool HasScope(string scope)
    {
        foreach (var granted in Scopes)
        {
            if (granted == scope)
                return true;
        }

        return false;
    }

    /// <summary>Null when a required claim is missing or no name that a store could hold.</summary>
    internal static AccessToken? Find(JwtClaims claims)
    {
        // RFC 9068 §2.2: client_id, jti and iat are required; without them a token could outrun its revocation.
        return claims.IssuedAt > DateTimeOffset.UnixEpoch && IsName(claims.Subject) && IsName(claims.JwtId) && IsName(claims.ClientId)
            // What binds it to something that is not checked here must not pass as if it were free (RFC 7800 §3.1).
            && (!claims.Root.TryGetProperty("cnf", out _) || KeyOf(claims.Root) is not null)
            && (claims.GetString("grant_id") is { } grant ? IsName(grant) : !claims.Root.TryGetProperty("grant_id", out _))
            ? new AccessToken(claims, claims.JwtId!, claims.ClientId!)
            : null;
    }

    /// <summary>A principal of its own for each request: what an application adds to one does not reach the next.</summary>
    internal ClaimsPrincipal ToPrincipal() => new(_identity.Clone());

    private static string? KeyOf(JsonElement root) =>
        root.TryGetProperty("cnf", out var confirmation) && confirmation.ValueKind == JsonValueKind.Object
        && confirmation.TryGetProperty("jkt", out var thumbprint) && thumbprint.ValueKind == JsonValueKind.String
            ? thumbprint.GetString()
            : null;

    private static bool IsName(string? value)
    {
        if (value is null or { Length: 0 or > MaximumNameLength })
            return false;
        foreach (var c in value)
        {
            if (char.IsControl(c) || char.IsSurrogate(c))
                return false;
        }

        return true;
    }

    private static List<string> ReadNames(JsonElement root, string claim)
    {
        List<string> names = [];
        if (root.TryGetProperty(claim, out var array) && array.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in array.EnumerateArray())
            {
                if (element.ValueKind == JsonValueKind.String)
                    names.Add(element.GetString()!);
            }
        }

        return names;
    }

    // RFC 9562 §5.7: the first 48 bits of a version 7 UUID are Unix milliseconds.
    private static long MillisecondsOf(Guid grant)
    {
        Span<byte> bytes = stackalloc byte[16];
        grant.TryWriteBytes(bytes, bigEndian: true, out _);
        return (long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16);
    }

    private List<Claim> Claims()
    {
        List<Claim> claims = [new("sub", Subject), new("client_id", ClientId), new("jti", JwtId)];
        if (GrantId is not null)
            claims.Add(new Claim("grant_id", GrantId));
        if (Actor is not null)
            claims.Add(new Claim("act", Actor));
        foreach (var scope in Scopes)
            claims.Add(new Claim("scope", scope));
        foreach (var role in Roles)
            claims.Add(new Claim("roles", role));
        foreach (var permission in Permissions)
            claims.Add(new Claim("permissions", permission));
        return claims;
    }
}
