using IdentityServer.Audit;
using IdentityServer.Settings;
using Npgsql;
using ServiceDefaults.Storage;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>A password guess that was counted, and what is needed to decide about it.</summary>
/// <param name="Locks">This was the last guess allowed: the account is now locked unless it is right.</param>
internal sealed record Guess(Guid UserId, string SecurityStamp, Guid[] RoleIds, DateTimeOffset? GrantsEndedAt, string? Hash, bool IsDisabled, bool Locks, string UserName, string? Email);

/// <summary>The statements that count password guesses, sent by Npgsql.</summary>
internal sealed class LockoutStore(NpgsqlDataSource source)
{
    private const string UnlockSql = "UPDATE users SET access_failed_count = 0, lockout_end = NULL WHERE id = $1 AND security_stamp = $2";

    /// <summary>Counts a guess. Null: there is no such account, or it is locked.</summary>
    public Task<Guess?> ReserveAsync<T>(AccountLookup lookup, T who, DateTimeOffset now, LockoutSettings lockout)
        where T : notnull =>
        source.Command(lookup.Reserve, P(who), P(now), P(lockout.MaxFailures), P(ExactInterval.Of(lockout.Duration))).FindAsync(row => new Guess(
            row.GetGuid(0), row.GetString(2), row.GetFieldValue<Guid[]>(5), row.Maybe<DateTimeOffset?>(4), row.Maybe<string>(1), row.GetBoolean(3), row.GetBoolean(6),
            row.GetString(7), row.Maybe<string>(8)));

    /// <summary>Writes the audit events of a refused guess, if the account exists.</summary>
    /// <param name="reasons">One for each event.</param>
    public Task NoteRefusalAsync<T>(AccountLookup lookup, T who, DateTimeOffset now, Caller caller, string[] events, string?[] reasons)
        where T : notnull =>
        source.Command(lookup.Refused, P(who), P(now), P(caller.ClientId), P(caller.Address), P(events), P(reasons)).ExecuteAsync();

    /// <summary>Resets the count and the lock, unless the password has changed since.</summary>
    public Task UnlockAsync(Guid userId, string securityStamp) =>
        source.Command(UnlockSql, P(userId), P(securityStamp)).ExecuteAsync();
}

/// <summary>The statements that find an account by one of its columns.</summary>
internal sealed class AccountLookup
{
    // After a lockout expires, counting starts again at one.
    private const string ReserveSql =
        """
        UPDATE users SET
            access_failed_count = CASE WHEN lockout_end IS NULL THEN access_failed_count + 1 ELSE 1 END,
            lockout_end = CASE WHEN CASE WHEN lockout_end IS NULL THEN access_failed_count + 1 ELSE 1 END >= $3 THEN $2 + $4 END
        WHERE {0} = $1 AND (lockout_end IS NULL OR lockout_end <= $2)
        RETURNING id, password_hash, security_stamp, disabled_at IS NOT NULL, grants_ended_at,
                  ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = users.id), lockout_end IS NOT NULL, user_name, email
        """;

    // Sent once the password has been checked. Finds the account by what the caller entered, not by its id, so that a statement is
    // sent for an unknown account too; that one writes nothing. At most one row for each password that is hashed.
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
