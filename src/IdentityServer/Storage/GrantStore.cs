using System.Net;
using IdentityServer.Audit;
using Npgsql;
using NpgsqlTypes;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>A sign-in about to be written.</summary>
/// <param name="SecurityStamp">The stamp that the user's row must still carry.</param>
/// <param name="Now">When it is by the audit trail; <paramref name="CreatedAt"/> is in whole milliseconds and may be later.</param>
/// <param name="Address">Where the sign-in comes from.</param>
/// <param name="Reason">What else the audit trail says of it.</param>
internal sealed record NewGrant(
    Guid Id, string ClientId, Guid Subject, string[] Scopes, string SecurityStamp,
    DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset AbsoluteExpiresAt, DateTimeOffset PrunableAt,
    DateTimeOffset Now, IPAddress? Address, string? Reason)
{
    /// <summary>The key that its refresh tokens are bound to (RFC 9449 §5).</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>The resources that it is narrowed to; null: all that its scopes imply.</summary>
    public string[]? Resources { get; init; }
}

/// <summary>What a spend needs to know: where the handle stands and what the new expiry is.</summary>
/// <param name="Scopes">What the request asks for; the grant must hold all of it. Empty asks for no narrowing.</param>
internal sealed record Spend(
    Guid GrantId, int Generation, string ClientId, string[] Scopes,
    DateTimeOffset Now, TimeSpan Lifetime, TimeSpan PruneGrain)
{
    /// <summary>The key that the request proves (RFC 9449 §5). A grant that is bound to another, or to one where none is proved, is not spent.</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>Whether a grant that is bound to no key is bound to this one from now on: a public client's (RFC 9449 §5).</summary>
    public bool Binds { get; init; }

    /// <summary>What the request narrows the token to (RFC 8707 §2.2); the grant must be for all of it.</summary>
    public string[] Resources { get; init; } = [];

    /// <summary>What the client is registered for now. A grant of which it has nothing left is not spent (<c>Client.MayStillHave</c>).</summary>
    public required string[] ClientScopes { get; init; }
}

/// <param name="ClientId">When given, only a grant of that client.</param>
internal sealed record GrantEnd(Guid GrantId, string? ClientId, DateTimeOffset Now, AuditNote Note);

/// <summary>One access token that is ended.</summary>
/// <param name="Until">How long that must be remembered.</param>
/// <param name="Subject">The user that it speaks of; null: it is the client's own.</param>
internal sealed record TokenEnd(string JwtId, DateTimeOffset Now, DateTimeOffset Until, Guid? Subject, string? ClientId, Guid? GrantId, AuditNote Note);

/// <summary>A grant as a spend or a look finds it, with the user's roles as they are now.</summary>
internal sealed record GrantState(
    Guid Id, string ClientId, Guid Subject, string[] Scopes, int Generation,
    DateTimeOffset CreatedAt, DateTimeOffset? RotatedAt, DateTimeOffset ExpiresAt, bool IsAlive, Guid[] RoleIds)
{
    /// <summary>The browser session that it was started in.</summary>
    public Guid? SessionId { get; init; }

    /// <summary>When the user was authenticated.</summary>
    public required DateTimeOffset AuthTime { get; init; }

    /// <summary>The resources that it is narrowed to; null: all that its scopes imply.</summary>
    public string[]? Resources { get; init; }

    /// <summary>The key that its refresh tokens are bound to.</summary>
    public string? DpopThumbprint { get; init; }

    /// <summary>JSON for <c>Tokens.GrantDetails</c>.</summary>
    public string? Details { get; init; }
}

/// <summary>
/// The hot statements, straight to Npgsql and prepared. Each checks and changes in one statement:
/// of two that race, the row lock lets one through and the other finds its condition gone. The audit trail's row travels in
/// the statement of what it records: both are there or neither.
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

    // The user's half: the right password ends the count of wrong ones. The grant is written only where the account is
    // still as it was when the password was checked, and the client not switched off since this node last heard of it.
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

    // The same for many handles. A row that another transaction holds is left out: nobody waits here.
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

    // Remembered as long as an access token of the grant may be accepted: its lifetime and the clock skew of verifiers, from
    // the latest moment that any clock tells at which the last one may have been issued.
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
    /// <param name="newPasswordHash">Replaces the stored hash when the hashing settings have risen.</param>
    public async Task<bool> TryStartAsync(NewGrant grant, string? newPasswordHash, CancellationToken cancellation)
    {
        await using var command = _source.CreateCommand(StartSql);
        AddNullable(command, newPasswordHash, NpgsqlDbType.Text);
        Add(command, grant.Subject);
        Add(command, grant.SecurityStamp);
        Add(command, grant.Id);
        Add(command, grant.ClientId);
        Add(command, grant.Scopes);
        Add(command, grant.CreatedAt);
        Add(command, grant.ExpiresAt);
        Add(command, grant.AbsoluteExpiresAt);
        Add(command, grant.PrunableAt);
        Add(command, grant.ClientId == Protocol.BuiltInClients.AccountApi);
        Add(command, grant.Now);
        Add(command, AuditEvents.SignInSucceeded);
        AddNullable(command, grant.Address, NpgsqlDbType.Inet);
        AddNullable(command, grant.Reason, NpgsqlDbType.Text);
        AddNullable(command, grant.DpopThumbprint, NpgsqlDbType.Text);
        AddNullable(command, grant.Resources, NpgsqlDbType.Array | NpgsqlDbType.Text);
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    /// <summary>
    /// Uses a refresh token: advances the generation where it still is the handle's. Null: lost, and
    /// <see cref="FindAsync"/> tells why.
    /// </summary>
    public Task<GrantState?> TrySpendAsync(Spend spend) => _spends.SendAsync(spend);

    private async Task<GrantState?> SpendAsync(Spend spend)
    {
        await using var command = _source.CreateCommand(SpendSql);
        Add(command, spend.GrantId);
        Add(command, spend.Generation);
        Add(command, spend.ClientId);
        Add(command, spend.Scopes);
        Add(command, spend.Now);
        Add(command, ExactInterval.Of(spend.Lifetime));
        Add(command, ExactInterval.Of(spend.PruneGrain));
        AddNullable(command, spend.DpopThumbprint, NpgsqlDbType.Text);
        Add(command, spend.Resources);
        AddNullable(command, spend.Binds ? spend.DpopThumbprint : null, NpgsqlDbType.Text);
        Add(command, spend.ClientScopes);
        return await ReadAsync(command, CancellationToken.None);
    }

    private async Task<GrantState?[]> SpendTogetherAsync(Spend[] spends)
    {
        await using var command = _source.CreateCommand(SpendTogetherSql);
        Add(command, Array.ConvertAll(spends, spend => spend.GrantId));
        Add(command, Array.ConvertAll(spends, spend => spend.Generation));
        Add(command, Array.ConvertAll(spends, spend => spend.ClientId));
        Add(command, Array.ConvertAll(spends, spend => string.Join(' ', spend.Scopes)));
        Add(command, Array.ConvertAll(spends, spend => spend.Now));
        Add(command, Array.ConvertAll(spends, spend => ExactInterval.Of(spend.Lifetime)));
        Add(command, Array.ConvertAll(spends, spend => ExactInterval.Of(spend.PruneGrain)));
        Add(command, Array.ConvertAll(spends, spend => spend.DpopThumbprint));
        // No absolute URI holds a space.
        Add(command, Array.ConvertAll(spends, spend => string.Join(' ', spend.Resources)));
        Add(command, Array.ConvertAll(spends, spend => spend.Binds ? spend.DpopThumbprint : null));
        Add(command, Array.ConvertAll(spends, spend => string.Join(' ', spend.ClientScopes)));
        await using var row = await command.ExecuteReaderAsync();
        var spent = new GrantState?[spends.Length];
        while (await row.ReadAsync())
            spent[row.GetInt64(15) - 1] = Read(row);
        return spent;
    }

    public async Task<GrantState?> FindAsync(Guid id, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = _source.CreateCommand(FindSql);
        Add(command, id);
        Add(command, now);
        return await ReadAsync(command, cancellation);
    }

    /// <summary>Ends a grant and, by the revocation written with it, its access tokens. False: it was ended or pruned already.</summary>
    public Task<bool> TryEndAsync(GrantEnd end) => _ends.SendAsync(end);

    private async Task<bool> EndAsync(GrantEnd end)
    {
        await using var command = _source.CreateCommand(EndSql);
        Add(command, end.GrantId);
        Add(command, end.Now);
        AddNullable(command, end.ClientId, NpgsqlDbType.Text);
        Add(command, end.Note.Event);
        AddNullable(command, end.Note.Address, NpgsqlDbType.Inet);
        AddNullable(command, end.Note.Reason, NpgsqlDbType.Text);
        return await command.ExecuteNonQueryAsync() == 1;
    }

    private async Task<bool[]> EndTogetherAsync(GrantEnd[] ends)
    {
        await using var command = _source.CreateCommand(EndTogetherSql);
        Add(command, Array.ConvertAll(ends, end => end.GrantId));
        Add(command, Array.ConvertAll(ends, end => end.Now));
        Add(command, Array.ConvertAll(ends, end => end.ClientId));
        Add(command, Array.ConvertAll(ends, end => end.Note.Event));
        Add(command, Array.ConvertAll(ends, end => end.Note.Address));
        Add(command, Array.ConvertAll(ends, end => end.Note.Reason));
        await using var row = await command.ExecuteReaderAsync();
        var ended = new bool[ends.Length];
        while (await row.ReadAsync())
            ended[row.GetInt64(0) - 1] = true;
        return ended;
    }

    /// <summary>Ends one access token until it would have expired by itself.</summary>
    public async Task EndTokenAsync(TokenEnd end, CancellationToken cancellation)
    {
        await using var command = _source.CreateCommand(EndTokenSql);
        Add(command, end.JwtId);
        Add(command, end.Now);
        Add(command, end.Until);
        Add(command, end.Note.Event);
        AddNullable(command, end.Subject, NpgsqlDbType.Uuid);
        AddNullable(command, end.ClientId, NpgsqlDbType.Text);
        AddNullable(command, end.GrantId, NpgsqlDbType.Uuid);
        AddNullable(command, end.Note.Address, NpgsqlDbType.Inet);
        AddNullable(command, end.Note.Reason, NpgsqlDbType.Text);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static async Task<GrantState?> ReadAsync(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation) ? Read(row) : null;
    }

    internal static GrantState Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetString(1), row.GetGuid(2), row.GetFieldValue<string[]>(3), row.GetInt32(4),
        row.GetFieldValue<DateTimeOffset>(5), row.IsDBNull(6) ? null : row.GetFieldValue<DateTimeOffset>(6),
        row.GetFieldValue<DateTimeOffset>(7), row.GetBoolean(8), row.GetFieldValue<Guid[]>(9))
    {
        SessionId = row.IsDBNull(10) ? null : row.GetGuid(10),
        AuthTime = row.GetFieldValue<DateTimeOffset>(row.IsDBNull(11) ? 5 : 11),
        Resources = row.IsDBNull(12) ? null : row.GetFieldValue<string[]>(12),
        DpopThumbprint = row.IsDBNull(13) ? null : row.GetString(13),
        Details = row.IsDBNull(14) ? null : row.GetString(14),
    };

    private static void Add<T>(NpgsqlCommand command, T value) =>
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = value });

    private static void AddNullable(NpgsqlCommand command, object? value, NpgsqlDbType type) =>
        command.Parameters.Add(AuditTrail.Nullable(value, type));

    public void Dispose()
    {
        _spends.Dispose();
        _ends.Dispose();
    }
}
