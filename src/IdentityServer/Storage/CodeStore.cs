using System.Net;
using IdentityServer.Audit;
using Npgsql;
using ServiceDefaults.Storage;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>A grant to be written for a code, in a session that must still be live at that moment.</summary>
/// <param name="ExpiresAt">Of the code.</param>
/// <param name="AbsoluteExpiresAt">Of the tokens that the code is exchanged for.</param>
/// <param name="Consent">What the user has just allowed, to be remembered; null: the user was not asked.</param>
/// <param name="RestsOnConsent">The user was not asked because of an earlier consent, which must still be valid.</param>
internal sealed record NewCode(
    Guid GrantId, SessionKey Session, string ClientId, string[] Scopes,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset AbsoluteExpiresAt, DateTimeOffset Now,
    string[]? Resources, string? DpopThumbprint, string? RedirectUri, string? CodeChallenge, string Details,
    NewConsent? Consent, bool RestsOnConsent, Guid? PushedRequestId, IPAddress? Address);

/// <param name="Claims">Claims that were requested by name.</param>
internal sealed record NewConsent(string[] Scopes, string[] Claims);

/// <summary>The request that exchanges a code. All of it must match the grant.</summary>
/// <param name="CodeChallenge">Of the verifier; null: there is none, and the code must have none either (RFC 9700 §2.1.1).</param>
/// <param name="ProvenThumbprint">The key that the request proves (RFC 9449 §5).</param>
/// <param name="BoundThumbprint">The key that its refresh tokens are bound to from now on.</param>
/// <param name="Resources">What the request narrows the token to (RFC 8707 §2.2); the grant must be for all of it.</param>
/// <param name="Reach">The scopes of each of those resources, separated by spaces; the grant must have at least one of each.</param>
/// <param name="RefreshLifetime">Of a refresh token, if the grant gets one.</param>
/// <param name="AccessLifetime">The lifetime of a grant without a refresh token.</param>
/// <param name="ClientScopes">What the client is registered for now. If none of the scopes are left, the code is not spent (<c>Client.MayStillHave</c>).</param>
internal sealed record Redemption(
    Guid GrantId, string ClientId, string? RedirectUri, string? CodeChallenge, string? ProvenThumbprint, string? BoundThumbprint, string[] Resources, string[] Reach,
    bool MayRefresh, DateTimeOffset Now, TimeSpan RefreshLifetime, TimeSpan AccessLifetime, TimeSpan PruneGrain, string[] ClientScopes);

/// <summary>A grant whose code has just been exchanged, and its user.</summary>
internal sealed record RedeemedGrant(GrantState Grant, UserProfile User);

/// <summary>
/// The two statements of a code, sent by Npgsql: one writes it, the other spends it, and each checks all its conditions in
/// the same statement. If fifty requests redeem the same code, the row lock lets one through; the others find that the
/// generation has changed.
/// </summary>
internal sealed class CodeStore(NpgsqlDataSource source)
{
    // The session is locked FOR SHARE: a later sign-out finds the grant in session_grants, and after an earlier one there is
    // no live session here. A pushed request is used up by the code that it led to (RFC 9126 §4): if two requests use it at
    // once, the second waits for its row and finds it gone. An existing consent is locked too: withdrawing it either ends
    // the grant or prevents it.
    private const string StartSql =
        $"""
        WITH pushed AS (
            SELECT id FROM tokens WHERE id = $5 AND status = 'valid' FOR UPDATE
        ), consented AS (
            SELECT c.id FROM sessions s JOIN applications a ON a.client_id = $4 JOIN authorizations c ON c.application_id = a.id AND c.subject = s.user_id::text
            WHERE s.id = $1 AND {Consents.IsValid} AND c.scopes @> to_jsonb($7::text[]) FOR SHARE OF c
        ), live AS (
            SELECT s.id, s.user_id, s.security_stamp, s.authenticated_at
            FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.id = $1 AND s.secret_hash = $2 AND s.ended_at IS NULL AND s.expires_at > $3
              AND u.security_stamp = s.security_stamp AND u.disabled_at IS NULL
              AND EXISTS (SELECT FROM applications c WHERE c.client_id = $4 AND NOT c.disabled)
              AND ($5::uuid IS NULL OR EXISTS (SELECT FROM pushed))
              AND (NOT $22 OR EXISTS (SELECT FROM consented))
            FOR SHARE OF s
        ), started AS (
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp,
                                session_id, auth_time, resources, dpop_jkt, redirect_uri, code_challenge, details)
            SELECT $6, $4, user_id, $7, 0, $8, $9, $10, $9, security_stamp, id, authenticated_at, $11, $12, $13, $14, $15 FROM live
            RETURNING id, subject, session_id
        ), listed AS (
            INSERT INTO session_grants (session_id, grant_id, client_id) SELECT session_id, id, $4 FROM started
        ), used AS (
            DELETE FROM tokens t USING started WHERE t.id = $5
        ), allowed AS (
            {Consents.Insert} a.id, subject::text, to_jsonb($16::text[]), $3, jsonb_build_object('granted_at', $3, 'claims', $17::text[])
            FROM started, applications a WHERE a.client_id = $4 AND $16::text[] IS NOT NULL FOR KEY SHARE OF a
            {Consents.Merge}
        )
        INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address, reason)
        SELECT $3, $18, subject, $4, id, $19, CASE WHEN $16::text[] IS NULL THEN $20 ELSE $21 END FROM started
        """;

    private const string RedeemSql =
        $"""
        UPDATE grants g
        SET generation = 1, rotated_at = n.at, expires_at = n.expires, prunable_at = date_bin($12, n.expires, 'epoch') + $12, dpop_jkt = $7
        FROM users u, (
            SELECT $2::timestamptz AS at,
                   CASE WHEN $9 AND scopes @> ARRAY[$13] THEN LEAST($2 + $10, absolute_expires_at) ELSE $2 + $11 END AS expires
            FROM grants WHERE id = $1
        ) n
        WHERE g.id = $1 AND g.generation = 0 AND g.client_id = $3 AND g.revoked_at IS NULL AND g.expires_at > $2 AND g.session_id IS NOT NULL
          AND (g.redirect_uri IS NULL OR g.redirect_uri = $4) AND g.code_challenge IS NOT DISTINCT FROM $5
          AND (g.dpop_jkt IS NULL OR g.dpop_jkt = $6) AND (g.resources IS NULL OR g.resources @> $8)
          AND NOT EXISTS (SELECT FROM unnest($14::text[]) AS r (scopes) WHERE NOT g.scopes && string_to_array(r.scopes, ' '))
          AND (g.scopes <@ $15 OR g.scopes && array_remove($15, 'offline_access'))
          AND u.id = g.subject AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL
        RETURNING g.id, g.client_id, g.subject, g.scopes, g.created_at, g.rotated_at, g.expires_at, g.session_id, g.auth_time, g.resources, g.dpop_jkt, g.details,
                  {UserProfile.Columns}
        """;

    /// <summary>False: the session, the account, the client, the consent or the pushed request is no longer valid.</summary>
    public async Task<bool> TryStartAsync(NewCode code, CancellationToken cancellationToken) =>
        await source.Command(StartSql,
            P(code.Session.Id), P(code.Session.SecretHash), P(code.Now), P(code.ClientId), P(code.PushedRequestId), P(code.GrantId),
            P(code.Scopes), P(code.CreatedAt), P(code.ExpiresAt), P(code.AbsoluteExpiresAt), P(code.Resources), P(code.DpopThumbprint),
            P(code.RedirectUri), P(code.CodeChallenge), Json(code.Details), P(code.Consent?.Scopes), P(code.Consent?.Claims),
            P(AuditEvents.ClientAuthorized), P(code.Address), P<string?>(null), P(AuditReasons.Consent),
            P(code.RestsOnConsent)).ExecuteAsync(cancellationToken) > 0;

    /// <summary>Null: something does not match, and nothing is changed. Takes no cancellation token: a caller that hangs up has still used the code.</summary>
    public Task<RedeemedGrant?> TryRedeemAsync(Redemption redemption) =>
        source.Command(RedeemSql,
            P(redemption.GrantId), P(redemption.Now), P(redemption.ClientId), P(redemption.RedirectUri), P(redemption.CodeChallenge),
            P(redemption.ProvenThumbprint), P(redemption.BoundThumbprint), P(redemption.Resources), P(redemption.MayRefresh),
            P(ExactInterval.Of(redemption.RefreshLifetime)), P(ExactInterval.Of(redemption.AccessLifetime)),
            P(ExactInterval.Of(redemption.PruneGrain)), P(Protocol.Scopes.OfflineAccess), P(redemption.Reach), P(redemption.ClientScopes)).FindAsync(Read);

    private static RedeemedGrant Read(NpgsqlDataReader row)
    {
        var user = UserProfile.Read(row, 12);
        var grant = new GrantState(
            row.GetGuid(0), row.GetString(1), row.GetGuid(2), row.Texts(3), 1,
            row.Time(4), row.Time(5), row.Time(6), IsAlive: true, user.RoleIds)
        {
            SessionId = row.GetGuid(7),
            AuthTime = row.Time(8),
            Resources = row.Maybe<string[]>(9),
            DpopThumbprint = row.Maybe<string>(10),
            Details = row.Maybe<string>(11),
        };
        return new RedeemedGrant(grant, user);
    }
}
