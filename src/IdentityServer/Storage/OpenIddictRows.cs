using OpenIddict.EntityFrameworkCore.Models;

namespace IdentityServer.Storage;

/// <summary>
/// A client as OpenIddict stores it. Metadata of RFC 7591 that has no column in OpenIddict is in <c>Properties</c>, under its
/// registered name. <c>ClientSecret</c> may hold the hashes of several secrets, separated by spaces.
/// </summary>
internal sealed class ApplicationRow : OpenIddictEntityFrameworkCoreApplication<Guid, AuthorizationRow, TokenRow>
{
    /// <summary>A column, because the statements that start a grant read it.</summary>
    public bool Disabled { get; set; }

    /// <summary>When it registered itself (RFC 7591); null: a manifest describes it.</summary>
    public DateTimeOffset? RegisteredAt { get; set; }

    /// <summary>SHA-256 of its registration access token (RFC 7592 §3).</summary>
    public byte[]? RegistrationTokenHash { get; set; }
}

/// <summary>A permanent authorization is a consent: see <see cref="Consents"/>.</summary>
internal sealed class AuthorizationRow : OpenIddictEntityFrameworkCoreAuthorization<Guid, ApplicationRow, TokenRow>;

internal sealed class ScopeRow : OpenIddictEntityFrameworkCoreScope<Guid>;

internal sealed class TokenRow : OpenIddictEntityFrameworkCoreToken<Guid, ApplicationRow, AuthorizationRow>;

/// <summary>What OpenIddict, whose scopes only name their resources, does not store of a resource server.</summary>
internal sealed class ResourceServerRow
{
    public required string Identifier { get; set; }
    public string? Name { get; set; }
    public string? ClientId { get; set; }
}
