using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;

namespace IdentityServer.Protocol.Tokens;

/// <summary>The tokens that a grant yields, described but not yet written.</summary>
/// <param name="Scopes">The access token's scopes.</param>
internal sealed record Issuance(Client Client, ScopeSet Scopes, TokenTerms Terms = default)
{
    /// <summary>Null: the access token is for the client itself (RFC 6749 §4.4), or for the subject of <see cref="Delegation"/>.</summary>
    public TokenUser? User { get; init; }

    /// <summary>Set for a token exchange.</summary>
    public Delegation? Delegation { get; init; }

    /// <summary>The grant that the refresh token names; null: no refresh token.</summary>
    public GrantGeneration? Refresh { get; init; }

    /// <summary>The authentication for the ID token; null: <c>openid</c> was not granted.</summary>
    public Authentication? Authentication { get; init; }
}

/// <summary>The user that a token is about.</summary>
/// <param name="AuthTime">When the user signed in.</param>
internal sealed record TokenUser(Guid Subject, Guid GrantId, DateTimeOffset AuthTime, Guid[] RoleIds);

/// <summary>The limits of a token other than its scopes.</summary>
/// <param name="DpopThumbprint">The key whose possession its user must prove (RFC 9449 §6); null: it is a bearer token.</param>
/// <param name="CertificateThumbprint">The certificate that its user's connection must have (RFC 8705 §3); null: any, or none.</param>
/// <param name="Resources">Its audience (RFC 8707 §2); null: every resource whose scopes were granted.</param>
internal readonly record struct TokenTerms(string? DpopThumbprint, string? CertificateThumbprint, string[]? Resources);

/// <summary>A token for another token's subject, used by <paramref name="Actor"/> on that subject's behalf (RFC 8693 §4.1).</summary>
internal sealed record Delegation(JwtClaims Subject, Actor Actor);

/// <summary>Who acts with an exchanged token (RFC 8693 §4.1).</summary>
/// <param name="NotAfter">When the actor's proof expires, and the token with it.</param>
internal sealed record Actor(string Subject, DateTimeOffset NotAfter);

/// <summary>A generation of a grant.</summary>
/// <param name="RotatedAt">When the grant reached this generation.</param>
internal sealed record GrantGeneration(Guid GrantId, int Generation, DateTimeOffset RotatedAt);
