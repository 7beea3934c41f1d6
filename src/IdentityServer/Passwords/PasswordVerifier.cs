using IdentityServer.Audit;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;
using Npgsql;
using NpgsqlTypes;
using Postgres;

namespace IdentityServer.Passwords;

/// <summary>How a check of a password ended.</summary>
internal enum PasswordOutcome
{
    Right,

    /// <summary>Unknown, wrong, locked or disabled: the caller must not learn which.</summary>
    Refused,

    /// <summary>Too many checks are waiting: 503.</summary>
    Busy,
}

/// <param name="NewHash">To be stored in place of the old one, whose settings have been raised since.</param>
internal sealed record CheckedUser(Guid Id, string SecurityStamp, Guid[] RoleIds, DateTimeOffset? GrantsEndedAt, string? NewHash);

internal readonly record struct PasswordCheck(PasswordOutcome Outcome, CheckedUser? User)
{
    public static readonly PasswordCheck Refused = new(PasswordOutcome.Refused, null);
    public static readonly PasswordCheck Busy = new(PasswordOutcome.Busy, null);
}

/// <summary>
/// Checks a password under the lockout. A guess is counted before it is hashed, in the statement that also asks whether
/// the account may be guessed at: of a hundred parallel guesses at most <c>Lockout:MaxFailures</c> are compared.
/// Success sets the count back with the write of the grant (<see cref="GrantStore.TryStartAsync"/>), failure is written to
/// the audit trail before it is answered.
/// </summary>
internal sealed class PasswordVerifier(
    NpgsqlDataSource source, IPasswordHasher<User> hasher, HashingGate gate, PasswordSettings settings, LockoutSettings lockout, TimeProvider time)
{
    // An expired lockout starts the count anew.
    private const string ReserveSql =
        """
        UPDATE users SET
            access_failed_count = CASE WHEN lockout_end IS NULL THEN access_failed_count + 1 ELSE 1 END,
            lockout_end = CASE WHEN CASE WHEN lockout_end IS NULL THEN access_failed_count + 1 ELSE 1 END >= $3 THEN $2 + $4 END
        WHERE {0} = $1 AND (lockout_end IS NULL OR lockout_end <= $2)
        RETURNING id, password_hash, security_stamp, disabled_at IS NOT NULL, grants_ended_at,
                  ARRAY(SELECT r.role_id FROM user_roles r WHERE r.user_id = users.id), lockout_end IS NOT NULL
        """;

    // After the verdict, which the reservation can't know. By what was asked for, not by the id: so one statement is sent
    // for an unknown account too, and writes nothing. At most a row for each password that is hashed.
    private const string RefusedSql =
        """
        INSERT INTO audit_events (at, event, subject, client_id, remote_address, reason)
        SELECT $2, e.event, users.id, $3, $4, e.reason FROM users, unnest($5::text[], $6::text[]) AS e (event, reason) WHERE users.{0} = $1
        """;

    private static readonly Lookup ByName = new("normalized_user_name");
    private static readonly Lookup ByEmail = new("normalized_email");
    private static readonly Lookup ById = new("id");

    private const string UnlockSql = "UPDATE users SET access_failed_count = 0, lockout_end = NULL WHERE id = $1 AND security_stamp = $2";

    private readonly PendingChecks _pending = new();

    // Compared with when there is no account: an unknown name must take as long as a wrong password.
    private readonly string _nobodysHash = hasher.HashPassword(new User(), Guid.NewGuid().ToString());

    /// <param name="login">A user name or an e-mail address, as typed.</param>
    public async Task<PasswordCheck> CheckAsync(string login, string password, Caller caller, CancellationToken cancellation)
    {
        if (login.Length > LoginName.MaximumLength || !LoginName.IsWellFormed(login))
            return PasswordCheck.Refused;
        var folded = LoginName.Fold(login);
        return await CheckAsync(folded.Contains('@', StringComparison.Ordinal) ? ByEmail : ByName, folded, password, caller, cancellation);
    }

    public Task<PasswordCheck> CheckAsync(Guid userId, string password, Caller caller, CancellationToken cancellation) =>
        CheckAsync(ById, userId, password, caller, cancellation);

    private async Task<PasswordCheck> CheckAsync<T>(Lookup lookup, T who, string password, Caller caller, CancellationToken cancellation)
        where T : notnull
    {
        if (IsTooLong(password))
            return PasswordCheck.Refused;
        using var slot = await gate.TryEnterAsync(cancellation);
        if (slot is null)
            return PasswordCheck.Busy;

        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            using var check = _pending.Enter(who);
            var guess = await ReserveAsync(lookup.Reserve, who);
            // Not ended with the request: a guess that was counted is judged, and told of, though the caller hung up.
            var verdict = await gate.HashAsync(() => hasher.VerifyHashedPassword(new User(), guess?.Hash ?? _nobodysHash, password));
            if (guess is null)
            {
                // Unknown or locked; and a lock that a right password set while it was being judged is lifted again.
                if (await check.YieldsToARightOneAsync(cancellation))
                    continue;
                return await RefuseAsync(lookup, who, caller, AuditReasons.Locked, locks: false);
            }
            if (guess.Hash is null || guess.IsDisabled || verdict == PasswordVerificationResult.Failed)
                return await RefuseAsync(lookup, who, caller, guess.IsDisabled ? AuditReasons.Disabled : AuditReasons.WrongPassword, guess.Locks);

            var user = guess.User;
            if (verdict == PasswordVerificationResult.SuccessRehashNeeded)
                user = user with { NewHash = await gate.HashAsync(() => hasher.HashPassword(new User(), password)) };
            // Who hung up does not go on to the sign-in, which takes the guess back.
            if (guess.Locks || cancellation.IsCancellationRequested)
                await UnlockAsync(user);
            check.WasRight();
            return new PasswordCheck(PasswordOutcome.Right, user);
        }
    }

    private bool IsTooLong(string password) =>
        password.Length > settings.MaximumLength * 2 || password.EnumerateRunes().Count() > settings.MaximumLength;

    /// <summary>Counts a guess. Null: there is no such account, or it is locked.</summary>
    private async Task<Guess?> ReserveAsync<T>(string sql, T who)
        where T : notnull
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = who });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.GetUtcNow() });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = lockout.MaxFailures });
        command.Parameters.Add(new NpgsqlParameter<NpgsqlInterval> { TypedValue = ExactInterval.Of(lockout.Duration) });
        await using var row = await command.ExecuteReaderAsync(CancellationToken.None);
        if (!await row.ReadAsync(CancellationToken.None))
            return null;
        return new Guess(
            new CheckedUser(row.GetGuid(0), row.GetString(2), row.GetFieldValue<Guid[]>(5), row.IsDBNull(4) ? null : row.GetFieldValue<DateTimeOffset>(4), null),
            row.IsDBNull(1) ? null : row.GetString(1),
            row.GetBoolean(3),
            row.GetBoolean(6));
    }

    /// <param name="reason">If there is such an account.</param>
    /// <param name="locks">No more guesses are allowed for a while.</param>
    private async Task<PasswordCheck> RefuseAsync<T>(Lookup lookup, T who, Caller caller, string reason, bool locks)
        where T : notnull
    {
        string[] events = locks ? [AuditEvents.SignInFailed, AuditEvents.AccountLocked] : [AuditEvents.SignInFailed];
        string?[] reasons = locks ? [reason, null] : [reason];
        await using var command = source.CreateCommand(lookup.Refused);
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = who });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.GetUtcNow() });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = caller.ClientId });
        command.Parameters.Add(AuditTrail.Nullable(caller.Address, NpgsqlDbType.Inet));
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = events });
        command.Parameters.Add(new NpgsqlParameter<string?[]> { TypedValue = reasons });
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        return PasswordCheck.Refused;
    }

    private async Task UnlockAsync(CheckedUser user)
    {
        await using var command = source.CreateCommand(UnlockSql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = user.Id });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = user.SecurityStamp });
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>The statements that find an account by one of its columns.</summary>
    private sealed class Lookup(string column)
    {
        public string Reserve { get; } = ReserveSql.Replace("{0}", column, StringComparison.Ordinal);
        public string Refused { get; } = RefusedSql.Replace("{0}", column, StringComparison.Ordinal);
    }

    /// <param name="Locks">This guess was the last that is allowed: the account is locked unless it is right.</param>
    private sealed record Guess(CheckedUser User, string? Hash, bool IsDisabled, bool Locks);
}
