using OpenIddict.EntityFrameworkCore.Models;

namespace IdentityServer.Storage;

/// <summary>
/// A client, as OpenIddict keeps it. What RFC 7591 knows and OpenIddict has no column for stands in
/// <c>Properties</c> under its registered name; the hashes of several secrets stand in <c>ClientSecret</c>, parted by spaces.
/// </summary>
internal sealed class ApplicationRow : OpenIddictEntityFrameworkCoreApplication<Guid, AuthorizationRow, TokenRow>
{
    /// <summary>A column, since the statements that start a grant ask for it.</summary>
    public bool Disabled { get; set; }

    /// <summary>When it registered itself (RFC 7591); null: a manifest describes it.</summary>
    public DateTimeOffset? RegisteredAt { get; set; }

    /// <summary>SHA-256 of its registration access token (RFC 7592 §3).</summary>
    public byte[]? RegistrationTokenHash { get; set; }
}

/// <summary>A permanent one is a consent: <see cref="Consents"/>.</summary>
internal sealed class AuthorizationRow : OpenIddictEntityFrameworkCoreAuthorization<Guid, ApplicationRow, TokenRow>;

internal sealed class ScopeRow : OpenIddictEntityFrameworkCoreScope<Guid>;

internal sealed class TokenRow : OpenIddictEntityFrameworkCoreToken<Guid, ApplicationRow, AuthorizationRow>;

/// <summary>What OpenIddict's scopes, which name their resources, have no place for.</summary>
internal sealed class ResourceServerRow
{
    public required string Identifier { get; set; }
    public string? Name { get; set; }
    public string? ClientId { get; set; }
}
