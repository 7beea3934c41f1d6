using System.Net;
using IdentityServer.Audit;
using Npgsql;
using NpgsqlTypes;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>A grant about to be written for a code, within a session that must still be live then.</summary>
/// <param name="ExpiresAt">Of the code.</param>
/// <param name="AbsoluteExpiresAt">Of what it is exchanged for.</param>
/// <param name="Consent">What the user just allowed, to be remembered; null: nothing was asked.</param>
/// <param name="RestsOnConsent">Nothing was asked since the user allowed it before: that must still be so.</param>
internal sealed record NewCode(
    Guid GrantId, SessionKey Session, string ClientId, string[] Scopes,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset AbsoluteExpiresAt, DateTimeOffset Now,
    string[]? Resources, string? DpopThumbprint, string? RedirectUri, string? CodeChallenge, string Details,
    NewConsent? Consent, bool RestsOnConsent, Guid? PushedRequestId, IPAddress? Address);

/// <param name="Claims">Names asked for one by one.</param>
internal sealed record NewConsent(string[] Scopes, string[] Claims);

/// <summary>What a code is exchanged with; the grant must agree on all of it.</summary>
/// <param name="CodeChallenge">Of the verifier; null: there is none, and then the code must have none (RFC 9700 §2.1.1).</param>
/// <param name="ProvenThumbprint">The key that the request proves (RFC 9449 §5).</param>
/// <param name="BoundThumbprint">The key that its refresh tokens are bound to from now on.</param>
/// <param name="Resources">What the request narrows the token to (RFC 8707 §2.2); the grant must be for all of it.</param>
/// <param name="Reach">The scopes of each of those resources, parted by spaces; the grant must have one of each.</param>
/// <param name="RefreshLifetime">Of a refresh token, if the grant gets one.</param>
/// <param name="AccessLifetime">Else the grant lives as long as its access token.</param>
/// <param name="ClientScopes">What the client is registered for now. A code of which it has nothing left is not spent (<c>Client.MayStillHave</c>).</param>
internal sealed record Redemption(
    Guid GrantId, string ClientId, string? RedirectUri, string? CodeChallenge, string? ProvenThumbprint, string? BoundThumbprint, string[] Resources, string[] Reach,
    bool MayRefresh, DateTimeOffset Now, TimeSpan RefreshLifetime, TimeSpan AccessLifetime, TimeSpan PruneGrain, string[] ClientScopes);

/// <summary>A grant whose code was just exchanged, and its user.</summary>
internal sealed record RedeemedGrant(GrantState Grant, UserProfile User);

/// <summary>
/// The two statements of a code, straight to Npgsql: one writes it with all that must be true at that moment, one spends it
/// with all that must be true at that one. Of fifty redemptions the row lock lets one through, and the others find the
/// generation moved.
/// </summary>
internal sealed class CodeStore(NpgsqlDataSource source)
{
    // The session is locked as for reading: a sign-out that comes after it finds the grant in session_grants, and one that
    // came before leaves no live session here. A pushed request is used up with the code that it led to (RFC 9126 §4):
    // of two that come with it at once, the second waits for its row and finds it gone. A consent that was found is locked
    // as well: its withdrawal either finds the grant or leaves none to be written.
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

    /// <summary>False: the session, the account, the client, the consent or the pushed request came to its end meanwhile.</summary>
    public async Task<bool> TryStartAsync(NewCode code, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(StartSql);
        Add(command, code.Session.Id);
        Add(command, code.Session.SecretHash);
        Add(command, code.Now);
        Add(command, code.ClientId);
        AddNullable(command, code.PushedRequestId, NpgsqlDbType.Uuid);
        Add(command, code.GrantId);
        Add(command, code.Scopes);
        Add(command, code.CreatedAt);
        Add(command, code.ExpiresAt);
        Add(command, code.AbsoluteExpiresAt);
        AddNullable(command, code.Resources, NpgsqlDbType.Array | NpgsqlDbType.Text);
        AddNullable(command, code.DpopThumbprint, NpgsqlDbType.Text);
        AddNullable(command, code.RedirectUri, NpgsqlDbType.Text);
        AddNullable(command, code.CodeChallenge, NpgsqlDbType.Text);
        AddNullable(command, code.Details, NpgsqlDbType.Jsonb);
        AddNullable(command, code.Consent?.Scopes, NpgsqlDbType.Array | NpgsqlDbType.Text);
        AddNullable(command, code.Consent?.Claims, NpgsqlDbType.Array | NpgsqlDbType.Text);
        Add(command, AuditEvents.ClientAuthorized);
        AddNullable(command, code.Address, NpgsqlDbType.Inet);
        AddNullable(command, null, NpgsqlDbType.Text);
        Add(command, AuditReasons.Consent);
        Add(command, code.RestsOnConsent);
        return await command.ExecuteNonQueryAsync(cancellation) > 0;
    }

    /// <summary>Null: something does not agree, and nothing is changed. Not ended with the request: who hangs up has used the code all the same.</summary>
    public async Task<RedeemedGrant?> TryRedeemAsync(Redemption redemption)
    {
        await using var command = source.CreateCommand(RedeemSql);
        Add(command, redemption.GrantId);
        Add(command, redemption.Now);
        Add(command, redemption.ClientId);
        AddNullable(command, redemption.RedirectUri, NpgsqlDbType.Text);
        AddNullable(command, redemption.CodeChallenge, NpgsqlDbType.Text);
        AddNullable(command, redemption.ProvenThumbprint, NpgsqlDbType.Text);
        AddNullable(command, redemption.BoundThumbprint, NpgsqlDbType.Text);
        Add(command, redemption.Resources);
        Add(command, redemption.MayRefresh);
        Add(command, ExactInterval.Of(redemption.RefreshLifetime));
        Add(command, ExactInterval.Of(redemption.AccessLifetime));
        Add(command, ExactInterval.Of(redemption.PruneGrain));
        Add(command, Protocol.Scopes.OfflineAccess);
        Add(command, redemption.Reach);
        Add(command, redemption.ClientScopes);
        await using var row = await command.ExecuteReaderAsync();
        if (!await row.ReadAsync())
            return null;
        var user = UserProfile.Read(row, 12);
        var grant = new GrantState(
            row.GetGuid(0), row.GetString(1), row.GetGuid(2), row.GetFieldValue<string[]>(3), 1,
            row.GetFieldValue<DateTimeOffset>(4), row.GetFieldValue<DateTimeOffset>(5), row.GetFieldValue<DateTimeOffset>(6), IsAlive: true, user.RoleIds)
        {
            SessionId = row.GetGuid(7),
            AuthTime = row.GetFieldValue<DateTimeOffset>(8),
            Resources = row.IsDBNull(9) ? null : row.GetFieldValue<string[]>(9),
            DpopThumbprint = row.IsDBNull(10) ? null : row.GetString(10),
            Details = row.IsDBNull(11) ? null : row.GetString(11),
        };
        return new RedeemedGrant(grant, user);
    }

    private static void Add<T>(NpgsqlCommand command, T value) =>
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = value });

    private static void AddNullable(NpgsqlCommand command, object? value, NpgsqlDbType type) =>
        command.Parameters.Add(AuditTrail.Nullable(value, type));
}
