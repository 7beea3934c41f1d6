using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Grants;

/// <summary>Ends grants and tokens so that every node learns of it, this one at once.</summary>
internal sealed class GrantEnding(GrantStore grants, Revocations revocations, Pulse pulse, TimeProvider timeProvider)
{
    /// <summary>How long this node must remember on its own; the feed entry brings the exact time.</summary>
    private static readonly TimeSpan UntilTheFeedTells = TimeSpan.FromDays(1);

    /// <summary>Ends a grant with its access and refresh tokens. False: there was nothing left to end.</summary>
    /// <param name="clientId">If given, the grant must be that client's.</param>
    public async Task<bool> TryEndGrantAsync(Guid grantId, string? clientId, AuditNote note)
    {
        var now = timeProvider.GetUtcNow();
        if (!await grants.TryEndAsync(new GrantEnd(grantId, clientId, now, note)))
            return false;
        revocations.EndGrant(grantId, now + UntilTheFeedTells);
        pulse.Wake();
        return true;
    }

    /// <summary>Ends one of our access tokens, but not its grant or refresh token.</summary>
    public async Task EndTokenAsync(JwtClaims token, AuditNote note, CancellationToken cancellationToken)
    {
        var (jwtId, until) = (token.JwtId!, token.ExpiresAt + Revocations.ClockSkew);
        // No client id looks like a UUID, so such a subject is a user.
        Guid? subject = Guid.TryParse(token.Subject, out var userId) ? userId : null;
        await grants.EndTokenAsync(new TokenEnd(jwtId, timeProvider.GetUtcNow(), until, subject, token.ClientId, AccessTokenVerifier.GrantOf(token), note), cancellationToken);
        revocations.EndToken(jwtId, until);
        pulse.Wake();
    }
}
