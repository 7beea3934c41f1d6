using System.Net;
using IdentityServer.Audit;
using Npgsql;
using ServiceDefaults.Storage;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>A sign-in to be written.</summary>
/// <param name="SecurityStamp">The stamp that the user's row must still carry.</param>
/// <param name="Now">The exact time, for the audit trail; <paramref name="CreatedAt"/> is in whole milliseconds and may be later.</param>
/// <param name="Address">The address that the sign-in comes from.</param>
/// <param name="Reason">The reason in the audit trail.</param>
internal sealed record NewGrant(
    Guid Id, string ClientId, Guid Subject, string[] Scopes, string SecurityStamp,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset AbsoluteExpiresAt, DateTimeOffset PrunableAt,
    DateTimeOffset Now, IPAddress? Address, string? Reason)
{
    /// <summary>The key that its refresh tokens are bound to (RFC 9449 §5).</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>The resources that it is restricted to; null: everything that its scopes imply.</summary>
    public string[]? Resources { get; init; }
}

/// <summary>What a spend needs to know: the generation of the handle, and the new lifetime.</summary>
/// <param name="Scopes">The scopes that the request asks for; the grant must have all of them. Empty: all that the grant has.</param>
internal sealed record Spend(
    Guid GrantId, int Generation, string ClientId, string[] Scopes,
    DateTimeOffset Now, TimeSpan Lifetime, TimeSpan PruneGrain)
{
    /// <summary>The key that the request proves (RFC 9449 §5). A grant that is bound to a key is spent only with a proof of that key.</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>Whether a grant without a key is bound to this one from now on, as a public client's is (RFC 9449 §5).</summary>
    public bool Binds { get; init; }

    /// <summary>What the request narrows the token to (RFC 8707 §2.2); the grant must be for all of it.</summary>
    public string[] Resources { get; init; } = [];

    /// <summary>What the client is registered for now. If none of the grant's scopes are left, it is not spent (<c>Client.MayStillHave</c>).</summary>
    public required string[] ClientScopes { get; init; }
}

/// <param name="ClientId">If set, only a grant of that client is ended.</param>
internal sealed record GrantEnd(Guid GrantId, string? ClientId, DateTimeOffset Now, AuditNote Note);

/// <summary>The end of one access token.</summary>
/// <param name="Until">Until when the end must be remembered.</param>
/// <param name="Subject">The token's user; null: it is the client's own token.</param>
internal sealed record TokenEnd(string JwtId, DateTimeOffset Now, DateTimeOffset Until, Guid? Subject, string? ClientId, Guid? GrantId, AuditNote Note);

/// <summary>A grant as a statement found it, with the current roles of its user.</summary>
internal sealed record GrantState(
    Guid Id, string ClientId, Guid Subject, string[] Scopes, int Generation,
    DateTimeOffset CreatedAt, DateTimeOffset? RotatedAt, DateTimeOffset ExpiresAt, bool IsAlive, Guid[] RoleIds)
{
    /// <summary>The browser session that it was started in.</summary>
    public Guid? SessionId { get; init; }

    /// <summary>When the user was authenticated.</summary>
    public required DateTimeOffset AuthTime { get; init; }

    /// <summary>The resources that it is restricted to; null: everything that its scopes imply.</summary>
    public string[]? Resources { get; init; }

    /// <summary>The key that its refresh tokens are bound to.</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>JSON for <c>Tokens.GrantDetails</c>.</summary>
    public string? Details { get; init; }
}

/// <summary>
/// The hot statements, sent by Npgsql and prepared. Each one checks and changes in one step: if two run at once, the row lock
/// lets one through, and the other finds that its condition no longer holds. A change and its row in the audit trail are
/// written by the same statement, so there is never one without the other.
/// </summary>
internal sealed class GrantStore : IDisposable
{
    private readonly NpgsqlDataSource _source;
    private readonly SharedStatement<Spend, GrantState?> _spends;
    private readonly SharedStatement<GrantEnd, bool> _ends;

    public GrantStore(NpgsqlDataSource source)
    {
        _source = source;
        _spends = new(SpendAsync, SpendTogetherAsync);
        _ends = new(EndAsync, EndTogetherAsync);
    }

    // The right password resets the count of wrong ones. The grant is written only if the account has not changed since the
    // password was checked, and if the client was not disabled since this node last read it.
    private const string StartSql =
        """
        WITH signed_in AS (
            UPDATE users SET access_failed_count = 0, lockout_end = NULL, password_hash = COALESCE($1, password_hash)
            WHERE id = $2 AND security_stamp = $3 AND disabled_at IS NULL
            RETURNING id
        ), started AS (
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp, dpop_jkt, resources)
            SELECT $4, $5, id, $6, 0, $7, $8, $9, $10, $3, $16, $17 FROM signed_in
            WHERE $11 OR EXISTS (SELECT FROM applications WHERE client_id = $5 AND NOT disabled)
            RETURNING id, subject
        )
        INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address, reason)
        SELECT $12, $13, subject, $5, id, $14, $15 FROM started
        """;

    // No index is touched (prunable_at moves in coarse steps): a heap-only update of one row.
    internal const string SpendSql =
        """
        UPDATE grants g
        SET generation = g.generation + 1,
            rotated_at = $5,
            expires_at = LEAST($5 + $6, g.absolute_expires_at),
            prunable_at = date_bin($7, LEAST($5 + $6, g.absolute_expires_at), 'epoch') + $7,
            dpop_jkt = COALESCE(g.dpop_jkt, $10)
        FROM users u
        WHERE g.id = $1 AND g.generation = $2 AND g.generation < 2147483647 AND g.client_id = $3 AND g.scopes @> $4
          AND g.revoked_at IS NULL AND g.expires_at > $5
          AND (g.dpop_jkt IS NULL OR g.dpop_jkt = $8) AND (g.resources IS NULL OR g.resources @> $9)
          AND (g.scopes <@ $11 OR g.scopes && array_remove($11, 'offline_access'))
          AND u.id = g.subject AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL
        RETURNING g.id, g.client_id, g.subject, g.scopes, g.generation, g.created_at, g.rotated_at, g.expires_at, true,
                  ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = g.subject),
                  g.session_id, g.auth_time, g.resources, g.dpop_jkt, g.details
        """;

    // The same for many handles. Skips rows that another transaction has locked, so it never waits.
    internal const string SpendTogetherSql =
        """
        UPDATE grants g
        SET generation = g.generation + 1,
            rotated_at = a.now,
            expires_at = LEAST(a.now + a.lifetime, g.absolute_expires_at),
            prunable_at = date_bin(a.grain, LEAST(a.now + a.lifetime, g.absolute_expires_at), 'epoch') + a.grain,
            dpop_jkt = COALESCE(g.dpop_jkt, a.binds)
        FROM (SELECT h.id, a.*
              FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::interval[], $7::interval[], $8::text[], $9::text[], $10::text[], $11::text[])
                       WITH ORDINALITY AS a (grant_id, generation, client_id, scopes, now, lifetime, grain, jkt, resources, binds, client_scopes, number)
              JOIN grants h ON h.id = a.grant_id
              FOR NO KEY UPDATE OF h SKIP LOCKED) a, users u
        WHERE g.id = a.id AND g.generation = a.generation AND g.generation < 2147483647 AND g.client_id = a.client_id
          AND g.scopes @> string_to_array(a.scopes, ' ')
          AND g.revoked_at IS NULL AND g.expires_at > a.now
          AND (g.dpop_jkt IS NULL OR g.dpop_jkt = a.jkt) AND (g.resources IS NULL OR g.resources @> string_to_array(a.resources, ' '))
          AND (g.scopes <@ string_to_array(a.client_scopes, ' ') OR g.scopes && array_remove(string_to_array(a.client_scopes, ' '), 'offline_access'))
          AND u.id = g.subject AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL
        RETURNING g.id, g.client_id, g.subject, g.scopes, g.generation, g.created_at, g.rotated_at, g.expires_at, true,
                  ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = g.subject),
                  g.session_id, g.auth_time, g.resources, g.dpop_jkt, g.details, a.number
        """;

    private const string FindSql =
        """
        SELECT g.id, g.client_id, g.subject, g.scopes, g.generation, g.created_at, g.rotated_at, g.expires_at,
               g.revoked_at IS NULL AND g.expires_at > $2 AND u.security_stamp = g.security_stamp AND u.disabled_at IS NULL,
               ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = g.subject),
               g.session_id, g.auth_time, g.resources, g.dpop_jkt, g.details
        FROM grants g JOIN users u ON u.id = g.subject
        WHERE g.id = $1
        """;

    // The end is remembered as long as an access token of the grant may be accepted: its lifetime plus the clock skew of
    // verifiers, counted from the latest time, by any clock, at which one may have been issued.
    internal const string EndSql =
        """
        WITH ended AS (
            UPDATE grants SET revoked_at = $2
            WHERE id = $1 AND revoked_at IS NULL AND ($3::text IS NULL OR client_id = $3)
            RETURNING id, subject, client_id, GREATEST($2, now(), created_at, rotated_at) AS last
        ), noted AS (
            INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address, reason)
            SELECT $2, $4, subject, client_id, id, $5, $6 FROM ended
        )
        INSERT INTO revocations (grant_id, at, until)
        SELECT ended.id, $2, ended.last + make_interval(secs => longest_access_token + 60) FROM ended, configuration
        """;

    internal const string EndTogetherSql =
        """
        WITH ended AS (
            UPDATE grants g SET revoked_at = a.now
            FROM (SELECT h.id, a.*
                  FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::inet[], $6::text[])
                           WITH ORDINALITY AS a (grant_id, now, client_id, event, address, reason, number)
                  JOIN grants h ON h.id = a.grant_id
                  FOR NO KEY UPDATE OF h SKIP LOCKED) a
            WHERE g.id = a.id AND g.revoked_at IS NULL AND (a.client_id IS NULL OR g.client_id = a.client_id)
            RETURNING g.id, g.subject, g.client_id, a.now, a.event, a.address, a.reason, a.number, GREATEST(a.now, now(), g.created_at, g.rotated_at) AS last
        ), told AS (
            INSERT INTO revocations (grant_id, at, until)
            SELECT ended.id, ended.now, ended.last + make_interval(secs => longest_access_token + 60) FROM ended, configuration
        ), noted AS (
            INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address, reason)
            SELECT now, event, subject, client_id, id, address, reason FROM ended
        )
        SELECT number FROM ended
        """;

    private const string EndTokenSql =
        """
        WITH noted AS (
            INSERT INTO audit_events (at, event, subject, client_id, grant_id, remote_address, reason) VALUES ($2, $4, $5, $6, $7, $8, $9)
        )
        INSERT INTO revocations (jti, at, until) VALUES ($1, $2, $3)
        """;

    /// <summary>Writes the grant of a sign-in. False: the account was disabled or its password changed meanwhile.</summary>
    /// <param name="newPasswordHash">Replaces the stored hash if the hashing settings have become stronger.</param>
    public async Task<bool> TryStartAsync(NewGrant grant, string? newPasswordHash, CancellationToken cancellationToken) =>
        await _source.Command(StartSql,
            P(newPasswordHash), P(grant.Subject), P(grant.SecurityStamp), P(grant.Id), P(grant.ClientId), P(grant.Scopes),
            P(grant.CreatedAt), P(grant.ExpiresAt), P(grant.AbsoluteExpiresAt), P(grant.PrunableAt),
            P(grant.ClientId == Protocol.BuiltInClients.AccountApi), P(grant.Now), P(AuditEvents.SignInSucceeded), P(grant.Address),
            P(grant.Reason), P(grant.DpopThumbprint), P(grant.Resources)).ExecuteAsync(cancellationToken) == 1;

    /// <summary>
    /// Uses a refresh token: advances the generation if it still is the handle's. Null: it did not, and
    /// <see cref="FindAsync"/> tells why.
    /// </summary>
    public Task<GrantState?> TrySpendAsync(Spend spend) => _spends.SendAsync(spend);

    private Task<GrantState?> SpendAsync(Spend spend) =>
        _source.Command(SpendSql,
            P(spend.GrantId), P(spend.Generation), P(spend.ClientId), P(spend.Scopes), P(spend.Now), P(ExactInterval.Of(spend.Lifetime)),
            P(ExactInterval.Of(spend.PruneGrain)), P(spend.DpopThumbprint), P(spend.Resources),
            P(spend.Binds ? spend.DpopThumbprint : null), P(spend.ClientScopes)).FindAsync(Read);

    private async Task<GrantState?[]> SpendTogetherAsync(Spend[] spends)
    {
        var spent = new GrantState?[spends.Length];
        // Arrays of arrays travel as texts: neither a scope nor an absolute URI holds a space.
        await using var command = _source.Command(SpendTogetherSql,
            Each(spends, spend => spend.GrantId), Each(spends, spend => spend.Generation), Each(spends, spend => spend.ClientId),
            Each(spends, spend => string.Join(' ', spend.Scopes)), Each(spends, spend => spend.Now),
            Each(spends, spend => ExactInterval.Of(spend.Lifetime)), Each(spends, spend => ExactInterval.Of(spend.PruneGrain)),
            Each(spends, spend => spend.DpopThumbprint), Each(spends, spend => string.Join(' ', spend.Resources)),
            Each(spends, spend => spend.Binds ? spend.DpopThumbprint : null), Each(spends, spend => string.Join(' ', spend.ClientScopes)));
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
            spent[row.GetInt64(15) - 1] = Read(row);
        return spent;
    }

    public Task<GrantState?> FindAsync(Guid id, DateTimeOffset now, CancellationToken cancellationToken) =>
        _source.Command(FindSql, P(id), P(now)).FindAsync(Read, cancellationToken);

    /// <summary>Ends a grant and adds a revocation that ends its access tokens. False: it was already ended or pruned.</summary>
    public Task<bool> TryEndAsync(GrantEnd end) => _ends.SendAsync(end);

    private async Task<bool> EndAsync(GrantEnd end) =>
        await _source.Command(EndSql,
            P(end.GrantId), P(end.Now), P(end.ClientId), P(end.Note.Event), P(end.Note.Address), P(end.Note.Reason)).ExecuteAsync() == 1;

    private async Task<bool[]> EndTogetherAsync(GrantEnd[] ends)
    {
        var ended = new bool[ends.Length];
        var numbers = await _source.Command(EndTogetherSql,
            Each(ends, end => end.GrantId), Each(ends, end => end.Now), Each(ends, end => end.ClientId),
            Each(ends, end => end.Note.Event), Each(ends, end => end.Note.Address), Each(ends, end => end.Note.Reason)).ListAsync(row => row.GetInt64(0));
        foreach (var number in numbers)
            ended[number - 1] = true;
        return ended;
    }

    /// <summary>Ends one access token before it expires.</summary>
    public Task EndTokenAsync(TokenEnd end, CancellationToken cancellationToken) =>
        _source.Command(EndTokenSql,
            P(end.JwtId), P(end.Now), P(end.Until), P(end.Note.Event), P(end.Subject), P(end.ClientId), P(end.GrantId),
            P(end.Note.Address), P(end.Note.Reason)).ExecuteAsync(cancellationToken);

    private static NpgsqlParameter<TValue[]> Each<T, TValue>(T[] calls, Converter<T, TValue> value) => P(Array.ConvertAll(calls, value));

    internal static GrantState Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetString(1), row.GetGuid(2), row.Texts(3), row.GetInt32(4),
        row.Time(5), row.Maybe<DateTimeOffset?>(6), row.Time(7), row.GetBoolean(8), row.GetFieldValue<Guid[]>(9))
    {
        SessionId = row.Maybe<Guid?>(10),
        AuthTime = row.Time(row.IsDBNull(11) ? 5 : 11),
        Resources = row.Maybe<string[]>(12),
        DpopThumbprint = row.Maybe<string>(13),
        Details = row.Maybe<string>(14),
    };

    public void Dispose()
    {
        _spends.Dispose();
        _ends.Dispose();
    }
}
