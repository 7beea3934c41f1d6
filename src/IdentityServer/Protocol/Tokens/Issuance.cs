using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;

namespace IdentityServer.Protocol.Tokens;

/// <summary>What a grant has earned: its tokens, described but not yet written.</summary>
/// <param name="Scopes">Those of the access token.</param>
internal sealed record Issuance(Client Client, ScopeSet Scopes, TokenTerms Terms = default)
{
    /// <summary>Null: the access token is for the client itself (RFC 6749 §4.4), or for the subject of <see cref="Delegation"/>.</summary>
    public TokenUser? User { get; init; }

    /// <summary>Of a token exchange.</summary>
    public Delegation? Delegation { get; init; }

    /// <summary>The grant as the refresh token names it; null: the client gets none.</summary>
    public GrantGeneration? Refresh { get; init; }

    /// <summary>What the ID token tells of; null: <c>openid</c> was not granted.</summary>
    public Authentication? Authentication { get; init; }
}

/// <summary>Who a user's token speaks of.</summary>
/// <param name="AuthTime">When the user signed in.</param>
internal sealed record TokenUser(Guid Subject, Guid GrantId, DateTimeOffset AuthTime, Guid[] RoleIds);

/// <summary>What a token is narrowed to beside its scopes.</summary>
/// <param name="DpopThumbprint">The key that whoever uses it must prove (RFC 9449 §6); null: it is a bearer token.</param>
/// <param name="CertificateThumbprint">The certificate that the connection of whoever uses it must have (RFC 8705 §3); null: any, or none.</param>
/// <param name="Resources">Its audience (RFC 8707 §2); null: every resource whose scopes were granted.</param>
internal readonly record struct TokenTerms(string? DpopThumbprint, string? CertificateThumbprint, string[]? Resources);

/// <summary>A token for the subject of another one, which <paramref name="Actor"/> uses in that subject's name (RFC 8693 §4.1).</summary>
internal sealed record Delegation(JwtClaims Subject, Actor Actor);

/// <summary>Who acts by an exchanged token (RFC 8693 §4.1).</summary>
/// <param name="NotAfter">When what proves it expires, and the token with it.</param>
internal sealed record Actor(string Subject, DateTimeOffset NotAfter);

/// <summary>A generation of a grant.</summary>
/// <param name="RotatedAt">When the grant came to it.</param>
internal sealed record GrantGeneration(Guid GrantId, int Generation, DateTimeOffset RotatedAt);
