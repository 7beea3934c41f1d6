using IdentityServer.Audit;
using IdentityServer.Settings;
using Npgsql;
using NpgsqlTypes;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>A guess at a password that was counted, and what it is judged by.</summary>
/// <param name="Locks">This guess was the last that is allowed: the account is locked unless it is right.</param>
internal sealed record Guess(Guid UserId, string SecurityStamp, Guid[] RoleIds, DateTimeOffset? GrantsEndedAt, string? Hash, bool IsDisabled, bool Locks, string UserName, string? Email);

/// <summary>The statements that count guesses at passwords, straight to Npgsql.</summary>
internal sealed class GuessStore(NpgsqlDataSource source)
{
    private const string UnlockSql = "UPDATE users SET access_failed_count = 0, lockout_end = NULL WHERE id = $1 AND security_stamp = $2";

    /// <summary>Counts a guess. Null: there is no such account, or it is locked.</summary>
    public async Task<Guess?> ReserveAsync<T>(AccountLookup lookup, T who, DateTimeOffset now, LockoutSettings lockout)
        where T : notnull
    {
        await using var command = source.CreateCommand(lookup.Reserve);
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = who });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = lockout.MaxFailures });
        command.Parameters.Add(new NpgsqlParameter<NpgsqlInterval> { TypedValue = ExactInterval.Of(lockout.Duration) });
        await using var row = await command.ExecuteReaderAsync(CancellationToken.None);
        if (!await row.ReadAsync(CancellationToken.None))
            return null;
        return new Guess(
            row.GetGuid(0), row.GetString(2), row.GetFieldValue<Guid[]>(5), row.IsDBNull(4) ? null : row.GetFieldValue<DateTimeOffset>(4),
            row.IsDBNull(1) ? null : row.GetString(1), row.GetBoolean(3), row.GetBoolean(6),
            row.GetString(7), row.IsDBNull(8) ? null : row.GetString(8));
    }

    /// <summary>Writes the events of a guess that was refused, if there is such an account.</summary>
    /// <param name="reasons">One for each event.</param>
    public async Task NoteRefusalAsync<T>(AccountLookup lookup, T who, DateTimeOffset now, Caller caller, string[] events, string?[] reasons)
        where T : notnull
    {
        await using var command = source.CreateCommand(lookup.Refused);
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = who });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = caller.ClientId });
        command.Parameters.Add(AuditTrail.Nullable(caller.Address, NpgsqlDbType.Inet));
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = events });
        command.Parameters.Add(new NpgsqlParameter<string?[]> { TypedValue = reasons });
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>Takes back the count and the lock, unless the password was changed since.</summary>
    public async Task UnlockAsync(Guid userId, string securityStamp)
    {
        await using var command = source.CreateCommand(UnlockSql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = userId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = securityStamp });
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }
}

/// <summary>The statements that find an account by one of its columns.</summary>
internal sealed class AccountLookup
{
    // An expired lockout starts the count anew.
    private const string ReserveSql =
        """
        UPDATE users SET
            access_failed_count = CASE WHEN lockout_end IS NULL THEN access_failed_count + 1 ELSE 1 END,
            lockout_end = CASE WHEN CASE WHEN lockout_end IS NULL THEN access_failed_count + 1 ELSE 1 END >= $3 THEN $2 + $4 END
        WHERE {0} = $1 AND (lockout_end IS NULL OR lockout_end <= $2)
        RETURNING id, password_hash, security_stamp, disabled_at IS NOT NULL, grants_ended_at,
                  ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = users.id), lockout_end IS NOT NULL, user_name, email
        """;

    // After the verdict, which the reservation can't know. By what was asked for, not by the id: so one statement is sent
    // for an unknown account too, and writes nothing. At most a row for each password that is hashed.
    private const string RefusedSql =
        """
        INSERT INTO audit_events (at, event, subject, client_id, remote_address, reason)
        SELECT $2, e.event, users.id, $3, $4, e.reason FROM users, unnest($5::text[], $6::text[]) AS e (event, reason) WHERE users.{0} = $1
        """;

    public static readonly AccountLookup ByName = new("normalized_user_name");
    public static readonly AccountLookup ByEmail = new("normalized_email");
    public static readonly AccountLookup ById = new("id");

    private AccountLookup(string column)
    {
        Reserve = ReserveSql.Replace("{0}", column, StringComparison.Ordinal);
        Refused = RefusedSql.Replace("{0}", column, StringComparison.Ordinal);
    }

    public string Reserve { get; }
    public string Refused { get; }
}
