using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Accounts.Sessions;

/// <summary>Sessions that ended. Announced on this node after the commit.</summary>
/// <param name="Grants">The grants that ended with them.</param>
/// <param name="Until">How long this node must remember those on its own.</param>
internal sealed record EndedSessions(int Count, IReadOnlyList<Guid> Grants, DateTimeOffset Until, bool HasNotices);

/// <summary>
/// Ends sessions of a user, in one transaction with all consequences: their grants end, except those that
/// <c>offline_access</c> was granted for (OpenID Connect Back-Channel Logout §2.7), the audit trail records them, and a message
/// to each client with a <c>backchannel_logout_uri</c> that the sessions signed in to goes to the outbox.
/// </summary>
internal sealed class SessionEnding(
    NpgsqlDataSource source, OutboxStore outbox, Revocations revocations, Pulse pulse, TimeProvider timeProvider)
{
    /// <summary>How long to retry a client that does not answer.</summary>
    private static readonly TimeSpan NoticeLifetime = TimeSpan.FromHours(24);

    /// <summary>The feed entry brings the exact time.</summary>
    private static readonly TimeSpan UntilTheFeedTells = TimeSpan.FromDays(1);

    /// <summary>False: not a live session of this user.</summary>
    /// <param name="note">The event of the session; grants that end with it have their own.</param>
    public async Task<bool> EndAsync(Guid sessionId, Guid userId, AuditNote note) => await EndAsync(userId, sessionId, kept: null, note) == 1;

    /// <summary>Ends every session of the user but one.</summary>
    /// <returns>How many.</returns>
    public Task<int> EndOthersAsync(Guid sessionId, Guid userId, AuditNote note) => EndAsync(userId, only: null, kept: sessionId, note);

    /// <summary>
    /// Within the caller's transaction, which has already ended the account's grants by a new security stamp: ends
    /// every session but one. Call <see cref="Announce"/> after the commit.
    /// </summary>
    public async Task<EndedSessions> EndAllAsync(NpgsqlConnection connection, Guid userId, Guid? kept, AuditNote note, CancellationToken cancellationToken) =>
        await EndAsync(connection, await SessionEnds.HoldAllAsync(connection, userId, kept, cancellationToken), userId, endsGrants: false, note, cancellationToken);

    /// <summary>After the commit: this node refuses the grants' tokens at once and sends its messages.</summary>
    public void Announce(EndedSessions ended)
    {
        foreach (var grant in ended.Grants)
            revocations.EndGrant(grant, ended.Until);
        if (ended.Grants.Count > 0)
            pulse.Wake();
        if (ended.HasNotices)
            outbox.Wake(LogoutNotice.Kind);
    }

    private async Task<int> EndAsync(Guid userId, Guid? only, Guid? kept, AuditNote note)
    {
        // Not cancelled with the request: a caller who hangs up is still signed out.
        var cancellation = CancellationToken.None;
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var ended = await EndAsync(connection, await SessionEnds.HoldAsync(connection, userId, only, kept, cancellation), userId, endsGrants: true, note, cancellation);
        await transaction.CommitAsync(cancellation);
        Announce(ended);
        return ended.Count;
    }

    private async Task<EndedSessions> EndAsync(NpgsqlConnection connection, Guid[] sessions, Guid userId, bool endsGrants, AuditNote note, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        if (sessions.Length == 0)
            return new EndedSessions(0, [], now, HasNotices: false);

        var (grants, told) = await SessionEnds.EndAsync(connection, sessions, now, endsGrants, note, cancellationToken);
        var notices = told.ConvertAll(client => new LogoutNotice(client.ClientId, userId, client.SessionId).Write());
        if (notices.Count > 0)
            await outbox.AddAsync(connection, LogoutNotice.Kind, notices, [.. told.Select(client => client.ClientId)], now + NoticeLifetime, cancellationToken);
        return new EndedSessions(sessions.Length, grants, now + UntilTheFeedTells, notices.Count > 0);
    }
}
