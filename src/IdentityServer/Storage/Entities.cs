using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Storage;

/// <summary>An account. Its id is the <c>sub</c> of its tokens.</summary>
internal sealed class User : IdentityUser<Guid>
{
    public string? FullName { get; set; }
    public int? Age { get; set; }
    public string? Gender { get; set; }
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Set when an administrator disables the account: no sign-in, no refresh.</summary>
    public DateTimeOffset? DisabledAt { get; set; }

    /// <summary>
    /// When all grants of the account were last ended. The id of every later grant contains a later time, whatever the node's
    /// clock says, so that a <c>sub</c> entry of the revocation feed ends only the grants before it.
    /// </summary>
    public DateTimeOffset? GrantsEndedAt { get; set; }

    /// <summary>A JSON object of standard claims that have no column of their own (OpenID Connect Core §5.1), such as <c>given_name</c>.</summary>
    public string Profile { get; set; } = "{}";

    /// <summary>When the claims last changed; null: at registration.</summary>
    public DateTimeOffset? UpdatedAt { get; set; }
}

/// <summary>A role and the permissions of its members (the claim <c>permissions</c>).</summary>
internal sealed class Role : IdentityRole<Guid>
{
    public string[] Permissions { get; set; } = [];
}

/// <summary>A registered client (RFC 7591 §2): an <see cref="ApplicationRow"/> as the view <c>clients</c> shows it.</summary>
internal sealed class ClientRow
{
    public required string ClientId { get; set; }
    public string? Name { get; set; }

    /// <summary>One of <see cref="Protocol.TokenEndpointAuthMethods"/>.</summary>
    public required string AuthMethod { get; set; }

    /// <summary>Slow hashes; a secret is right if it matches any of them. Empty for a public client.</summary>
    public string[] SecretHashes { get; set; } = [];
    public string[] GrantTypes { get; set; } = [];
    public string[] Scopes { get; set; } = [];
    public string[] RedirectUris { get; set; } = [];

    /// <summary>The JWS algorithm of its access tokens; null: the server's.</summary>
    public string? SigningAlgorithm { get; set; }
    public bool Disabled { get; set; }

    /// <summary>The rest of RFC 7591 §2 as a JSON object: <c>Configuration.ClientMetadata</c>.</summary>
    public string Metadata { get; set; } = "{}";

    /// <summary>When it registered itself (RFC 7591); null: a manifest describes it.</summary>
    public DateTimeOffset? RegisteredAt { get; set; }

    /// <summary>SHA-256 of its registration access token (RFC 7592 §3).</summary>
    public byte[]? RegistrationTokenHash { get; set; }
}

/// <summary>An API that accepts our tokens and is the audience of its scopes, as the view <c>resources</c> shows it: a <see cref="ResourceServerRow"/> and the <see cref="ScopeRow"/>s that name it.</summary>
internal sealed class ResourceRow
{
    public required string Identifier { get; set; }
    public string? Name { get; set; }
    public string[] Scopes { get; set; } = [];

    /// <summary>The client that this resource uses to introspect and to read the revocation feed.</summary>
    public string? ClientId { get; set; }
}

/// <summary>What manifests have said about one of their entries. Read and written by <c>Manifest.Remembered</c> only.</summary>
internal sealed class ManifestEntryRow
{
    /// <summary><c>client</c>, <c>resource</c>, <c>role</c> or <c>user</c>.</summary>
    public required string Kind { get; set; }

    /// <summary>A hash if the entry is a user.</summary>
    public required string Name { get; set; }

    /// <summary>A JSON object: each member that a manifest set at a start, with a mark of its value.</summary>
    public required string ByStart { get; set; }

    /// <summary>The same for the command <c>apply</c>.</summary>
    public required string ByApply { get; set; }
}

/// <summary>A key of this server. The private part is protected by ASP.NET Core Data Protection.</summary>
internal sealed class KeyRow
{
    public required string KeyId { get; set; }

    /// <summary>ES256 or RS256 for tokens, HS256 for refresh token handles.</summary>
    public required string Algorithm { get; set; }
    public required byte[] ProtectedKey { get; set; }
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it starts to sign. It is published from <see cref="CreatedAt"/> on.</summary>
    public DateTimeOffset SignsFrom { get; set; }

    /// <summary>When the last token that it signed has expired; null: it has no successor yet.</summary>
    public DateTimeOffset? RetiresAt { get; set; }
}

/// <summary>The single row that all nodes watch.</summary>
internal sealed class ConfigurationRow
{
    public bool Id { get; set; } = true;

    /// <summary>Incremented by each change to clients, resources, roles or keys.</summary>
    public long Version { get; set; }

    /// <summary>The longest lifetime, in seconds, that any access token was ever issued with. A revocation is remembered for that long.</summary>
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

    /// <summary>The browser session that it was started in: the claim <c>sid</c>.</summary>
    public Guid? SessionId { get; set; }

    /// <summary>When the user was authenticated; null: at <see cref="CreatedAt"/>.</summary>
    public DateTimeOffset? AuthTime { get; set; }

    /// <summary>The resources that it is restricted to (RFC 8707); null: everything that its scopes imply.</summary>
    public string[]? Resources { get; set; }

    /// <summary>The thumbprint of the key that its code and refresh tokens are bound to (RFC 9449 §10, §5).</summary>
    public string? DpopJkt { get; set; }

    /// <summary>As in the authorization request; the token request must repeat it (RFC 6749 §4.1.3).</summary>
    public string? RedirectUri { get; set; }

    /// <summary>S256 (RFC 7636 §4.2).</summary>
    public string? CodeChallenge { get; set; }

    /// <summary>What only ID tokens and userinfo need, as a JSON object: nonce, acr, amr, requested claims.</summary>
    public string? Details { get; set; }
}

/// <summary>A signed-in browser. Its id is the claim <c>sid</c>; its cookie holds the id and a secret.</summary>
internal sealed class SessionRow
{
    public Guid Id { get; set; }
    public Guid UserId { get; set; }

    /// <summary>SHA-256 of the cookie's secret, new at each sign-in.</summary>
    public required byte[] SecretHash { get; set; }

    /// <summary>The account's stamp at sign-in. Changing or resetting the password ends the session.</summary>
    public required string SecurityStamp { get; set; }

    /// <summary>How the user was authenticated (RFC 8176).</summary>
    public required string[] Amr { get; set; }
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>The claim <c>auth_time</c>: when the user last entered the password.</summary>
    public DateTimeOffset AuthenticatedAt { get; set; }
    public DateTimeOffset ExpiresAt { get; set; }
    public DateTimeOffset? EndedAt { get; set; }
    public System.Net.IPAddress? RemoteAddress { get; set; }
    public string? UserAgent { get; set; }

    /// <summary>Whether it may last as long as <c>Sessions:RememberedLifetime</c>; null: written by a version that did not store it.</summary>
    public bool? IsRemembered { get; set; }
}

/// <summary>A registration in a browser whose address is not confirmed yet.</summary>
internal sealed class RegistrationRow
{
    /// <summary>SHA-256 of the token in the message.</summary>
    public required byte[] TokenHash { get; set; }

    /// <summary>Encrypted by Data Protection: it holds a password hash and the address of somebody who has no account.</summary>
    public required byte[] ProtectedRegistration { get; set; }
    public DateTimeOffset ExpiresAt { get; set; }
}

/// <summary>A grant that was started in a session. When the session ends, the grant may end too, and its client is notified.</summary>
internal sealed class SessionGrantRow
{
    public Guid SessionId { get; set; }
    public Guid GrantId { get; set; }
    public required string ClientId { get; set; }
}

/// <summary>A JWT that may be used once (client assertions, DPoP proofs), remembered as long as it could be sent again.</summary>
internal sealed class UsedJwtRow
{
    /// <summary>SHA-256 of who issued it and its <c>jti</c>.</summary>
    public required byte[] Id { get; set; }
    public DateTimeOffset Until { get; set; }
}

/// <summary>A message to be sent (mail, back-channel logout), written in the transaction of the change that it reports.</summary>
internal sealed class OutboxRow
{
    public Guid Id { get; set; }
    public required string Kind { get; set; }

    /// <summary>Encrypted by Data Protection, because it may hold a token. Plain JSON for <c>deleted_session</c>, which the database writes itself.</summary>
    public required byte[] ProtectedMessage { get; set; }
    public int Attempts { get; set; }

    /// <summary>When it is tried next. A node that tries it moves this into the future.</summary>
    public DateTimeOffset DueAt { get; set; }

    /// <summary>When delivery is given up.</summary>
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>Whom it goes to, so that a failing target does not delay the others; null: the kind has only one target.</summary>
    public string? Target { get; set; }
}

/// <summary>Something that was ended before it expired: exactly one of a token, a grant, a subject.</summary>
internal sealed class RevocationRow
{
    public long Id { get; set; }

    /// <summary>The transaction that wrote it. The feed's cursor is a snapshot, so no entry is skipped, in whatever order transactions commit.</summary>
    public ulong TransactionId { get; set; }
    public string? JwtId { get; set; }
    public Guid? GrantId { get; set; }
    public string? Subject { get; set; }
    public DateTimeOffset At { get; set; }
    public DateTimeOffset Until { get; set; }
}

/// <summary>A pending password reset. One per user, so that a new one replaces the old.</summary>
internal sealed class ResetTokenRow
{
    public Guid UserId { get; set; }

    /// <summary>SHA-256 of the token, so that a dump of the database is of no use for resetting a password.</summary>
    public required byte[] TokenHash { get; set; }
    public DateTimeOffset ExpiresAt { get; set; }
}

/// <summary>An element of the ASP.NET Core Data Protection key ring, encrypted with the certificate.</summary>
internal sealed class DataProtectionKeyRow
{
    public required string FriendlyName { get; set; }
    public required string Xml { get; set; }
}
