using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Storage;

/// <summary>An account. Its id is the <c>sub</c> of its tokens.</summary>
internal sealed class User : IdentityUser<Guid>
{
    public string? FullName { get; set; }
    public int? Age { get; set; }
    public string? Gender { get; set; }
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Set when an administrator switched the account off: no sign-in, no refresh.</summary>
    public DateTimeOffset? DisabledAt { get; set; }

    /// <summary>
    /// When all of the account's grants last ended. A later grant's id carries a later time, whatever the clock of
    /// the node says, so that the revocation feed's <c>sub</c> entries tell before from after.
    /// </summary>
    public DateTimeOffset? GrantsEndedAt { get; set; }
}

/// <summary>A role, and what its members may do (the claim <c>permissions</c>).</summary>
internal sealed class Role : IdentityRole<Guid>
{
    public string[] Permissions { get; set; } = [];
}

/// <summary>A registered client (RFC 7591 §2).</summary>
internal sealed class ClientRow
{
    public required string ClientId { get; set; }
    public string? Name { get; set; }

    /// <summary>One of <see cref="Protocol.TokenEndpointAuthMethods"/>.</summary>
    public required string AuthMethod { get; set; }

    /// <summary>Slow hashes; a secret that matches any of them is right. Empty for a public client.</summary>
    public string[] SecretHashes { get; set; } = [];
    public string[] GrantTypes { get; set; } = [];
    public string[] Scopes { get; set; } = [];
    public string[] RedirectUris { get; set; } = [];

    /// <summary>The JWS algorithm of its access tokens; null: the server's.</summary>
    public string? SigningAlgorithm { get; set; }
    public bool Disabled { get; set; }
}

/// <summary>An API that accepts our tokens: the audience of its scopes.</summary>
internal sealed class ResourceRow
{
    public required string Identifier { get; set; }
    public string? Name { get; set; }
    public string[] Scopes { get; set; } = [];

    /// <summary>The client by which this resource introspects and reads the revocation feed.</summary>
    public string? ClientId { get; set; }
}

/// <summary>A key of this server. The private part is protected by ASP.NET Core Data Protection.</summary>
internal sealed class KeyRow
{
    public required string KeyId { get; set; }

    /// <summary>ES256 or RS256 for tokens, HS256 for refresh token handles.</summary>
    public required string Algorithm { get; set; }
    public required byte[] ProtectedKey { get; set; }
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>From when on it signs. Published since <see cref="CreatedAt"/>.</summary>
    public DateTimeOffset SignsFrom { get; set; }

    /// <summary>When the last token that it signed is dead; null while no successor is known.</summary>
    public DateTimeOffset? RetiresAt { get; set; }
}

/// <summary>The one row of what all nodes follow.</summary>
internal sealed class ConfigurationRow
{
    public bool Id { get; set; } = true;

    /// <summary>Counts up with each change of clients, resources, roles or keys.</summary>
    public long Version { get; set; }

    /// <summary>The longest lifetime in seconds that any access token was ever issued with: how long a revocation is remembered.</summary>
    public int LongestAccessToken { get; set; }
}

/// <summary>A sign-in of one user at one client (see schema.sql). Read and written by <see cref="GrantStore"/> only.</summary>
internal sealed class GrantRow
{
    public Guid Id { get; set; }
    public required string ClientId { get; set; }
    public Guid Subject { get; set; }
    public required string[] Scopes { get; set; }
    public int Generation { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset? RotatedAt { get; set; }
    public DateTimeOffset ExpiresAt { get; set; }
    public DateTimeOffset AbsoluteExpiresAt { get; set; }
    public DateTimeOffset PrunableAt { get; set; }
    public DateTimeOffset? RevokedAt { get; set; }
    public required string SecurityStamp { get; set; }
}

/// <summary>What ended before its time: exactly one of a token, a grant, a subject.</summary>
internal sealed class RevocationRow
{
    public long Id { get; set; }

    /// <summary>The transaction that wrote it: the feed's cursor is a snapshot, so that no entry is skipped however commits interleave.</summary>
    public ulong TransactionId { get; set; }
    public string? JwtId { get; set; }
    public Guid? GrantId { get; set; }
    public string? Subject { get; set; }
    public DateTimeOffset At { get; set; }
    public DateTimeOffset Until { get; set; }
}

/// <summary>A pending password reset: one a user, so that a newer one supersedes.</summary>
internal sealed class ResetTokenRow
{
    public Guid UserId { get; set; }

    /// <summary>SHA-256 of the token: a dump of the database resets nobody's password.</summary>
    public required byte[] TokenHash { get; set; }
    public DateTimeOffset ExpiresAt { get; set; }
}

/// <summary>An element of the ASP.NET Core Data Protection key ring, encrypted with the certificate.</summary>
internal sealed class DataProtectionKeyRow
{
    public required string FriendlyName { get; set; }
    public required string Xml { get; set; }
}
