using IdentityServer.Audit;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Accounts.Passwords;

/// <summary>The result of a password check.</summary>
internal enum PasswordOutcome
{
    Right,

    /// <summary>Unknown, wrong, locked or disabled: the caller must not learn which.</summary>
    Refused,

    /// <summary>Too many checks are waiting: 503.</summary>
    Busy,
}

/// <param name="NewHash">Replaces the stored hash, which was made with weaker settings.</param>
internal sealed record CheckedUser(Guid Id, string SecurityStamp, Guid[] RoleIds, DateTimeOffset? GrantsEndedAt, string? NewHash)
{
    public string? UserName { get; init; }
    public string? Email { get; init; }
}

internal readonly record struct PasswordCheck(PasswordOutcome Outcome, CheckedUser? User)
{
    public static readonly PasswordCheck Refused = new(PasswordOutcome.Refused, null);
    public static readonly PasswordCheck Busy = new(PasswordOutcome.Busy, null);
}

/// <summary>
/// Checks a password under the lockout. A guess is counted before it is hashed, by the statement that also checks whether
/// the account is locked: of a hundred parallel guesses at most <c>Lockout:MaxFailures</c> are checked.
/// Success resets the count when the grant is written (<see cref="GrantStore.TryStartAsync"/>); failure is written to
/// the audit trail before the answer.
/// </summary>
internal sealed class PasswordVerifier(
    LockoutStore guesses, IPasswordHasher<User> hasher, HashingGate gate, PasswordSettings settings, LockoutSettings lockout, TimeProvider timeProvider)
{
    private readonly PendingChecks _pending = new();

    // Checked if there is no account, because an unknown name must take as long as a wrong password.
    private readonly string _nobodysHash = hasher.HashPassword(new User(), Guid.NewGuid().ToString());

    /// <param name="login">A user name or an e-mail address, as typed.</param>
    public async Task<PasswordCheck> CheckAsync(string login, string password, Caller caller, CancellationToken cancellationToken)
    {
        if (!LoginName.IsPossible(login))
            return PasswordCheck.Refused;
        var folded = LoginName.Fold(login);
        return await CheckAsync(folded.Contains('@', StringComparison.Ordinal) ? AccountLookup.ByEmail : AccountLookup.ByName, folded, password, caller, cancellationToken);
    }

    public Task<PasswordCheck> CheckAsync(Guid userId, string password, Caller caller, CancellationToken cancellationToken) =>
        CheckAsync(AccountLookup.ById, userId, password, caller, cancellationToken);

    /// <summary>The password was right, but no sign-in follows that would reset the count.</summary>
    public Task TakeBackAsync(CheckedUser user) => guesses.UnlockAsync(user.Id, user.SecurityStamp);

    private async Task<PasswordCheck> CheckAsync<T>(AccountLookup lookup, T who, string password, Caller caller, CancellationToken cancellationToken)
        where T : notnull
    {
        // HMAC pads a short key with zeros (RFC 2104 §2), so "secret" and "secret" with a trailing NUL have the same hash.
        if (IsTooLong(password) || password.Contains('\0', StringComparison.Ordinal))
            return PasswordCheck.Refused;
        using var slot = await gate.TryEnterAsync(cancellationToken);
        if (slot is null)
            return PasswordCheck.Busy;

        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var check = _pending.Enter(who);
            var guess = await guesses.ReserveAsync(lookup, who, timeProvider.GetUtcNow(), lockout);
            // Not cancelled with the request: a counted guess is checked and recorded even if the caller hangs up.
            var verdict = await gate.HashAsync(() => hasher.VerifyHashedPassword(new User(), guess?.Hash ?? _nobodysHash, password));
            if (guess is null)
            {
                // Unknown or locked. A lock caused by a right password that was still being checked is lifted again.
                if (await check.YieldsToARightOneAsync(cancellationToken))
                    continue;
                return await RefuseAsync(lookup, who, caller, AuditReasons.Locked, locks: false);
            }
            if (guess.Hash is null || guess.IsDisabled || verdict == PasswordVerificationResult.Failed)
                return await RefuseAsync(lookup, who, caller, guess.IsDisabled ? AuditReasons.Disabled : AuditReasons.WrongPassword, guess.Locks);

            var user = new CheckedUser(guess.UserId, guess.SecurityStamp, guess.RoleIds, guess.GrantsEndedAt, null) { UserName = guess.UserName, Email = guess.Email };
            if (verdict == PasswordVerificationResult.SuccessRehashNeeded)
                user = user with { NewHash = await gate.HashAsync(() => hasher.HashPassword(new User(), password)) };
            // A caller that hung up never reaches the sign-in that would reset the count.
            if (guess.Locks || cancellationToken.IsCancellationRequested)
                await guesses.UnlockAsync(user.Id, user.SecurityStamp);
            check.WasRight();
            return new PasswordCheck(PasswordOutcome.Right, user);
        }
    }

    private bool IsTooLong(string password) =>
        password.Length > settings.MaximumLength * 2 || password.EnumerateRunes().Count() > settings.MaximumLength;

    /// <param name="reason">Recorded if the account exists.</param>
    /// <param name="locks">Whether this guess locks the account.</param>
    private async Task<PasswordCheck> RefuseAsync<T>(AccountLookup lookup, T who, Caller caller, string reason, bool locks)
        where T : notnull
    {
        string[] events = locks ? [AuditEvents.SignInFailed, AuditEvents.AccountLocked] : [AuditEvents.SignInFailed];
        string?[] reasons = locks ? [reason, null] : [reason];
        await guesses.NoteRefusalAsync(lookup, who, timeProvider.GetUtcNow(), caller, events, reasons);
        return PasswordCheck.Refused;
    }
}
