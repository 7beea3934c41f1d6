using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Accounts.Sessions;

/// <summary>Sessions that ended, to be told to this node once it is committed.</summary>
/// <param name="Grants">That ended with them.</param>
/// <param name="Until">How long this node alone must remember those.</param>
internal sealed record EndedSessions(int Count, IReadOnlyList<Guid> Grants, DateTimeOffset Until, bool HasNotices);

/// <summary>
/// Ends sessions of a user, in one transaction with all that follows from it: their grants end, but for those that
/// <c>offline_access</c> was granted for (OpenID Connect Back-Channel Logout §2.7), the audit trail has them, and a message
/// for each client with a <c>backchannel_logout_uri</c> that was signed in to in them is in the outbox.
/// </summary>
internal sealed class SessionEnding(
    NpgsqlDataSource source, OutboxStore outbox, Revocations revocations, Pulse pulse, TimeProvider time)
{
    /// <summary>How long a client that does not answer is told again.</summary>
    private static readonly TimeSpan NoticeLifetime = TimeSpan.FromHours(24);

    /// <summary>The entry that comes back by the feed says it exactly.</summary>
    private static readonly TimeSpan UntilTheFeedTells = TimeSpan.FromDays(1);

    /// <summary>False: it is no live session of this user.</summary>
    /// <param name="note">The event of the session; grants that end with it are told beside it.</param>
    public async Task<bool> EndAsync(Guid sessionId, Guid userId, AuditNote note) => await EndAsync(userId, sessionId, kept: null, note) == 1;

    /// <summary>Ends every session of the user but one.</summary>
    /// <returns>How many.</returns>
    public Task<int> EndOthersAsync(Guid sessionId, Guid userId, AuditNote note) => EndAsync(userId, only: null, kept: sessionId, note);

    /// <summary>
    /// Within the caller's transaction, which has given the account a new security stamp and so ended its grants itself: ends
    /// every session but one, and <see cref="Announce"/> follows the commit.
    /// </summary>
    public async Task<EndedSessions> EndAllAsync(NpgsqlConnection connection, Guid userId, Guid? kept, AuditNote note, CancellationToken cancellation) =>
        await EndAsync(connection, await SessionEnds.HoldAllAsync(connection, userId, kept, cancellation), userId, endsGrants: false, note, cancellation);

    /// <summary>Once it is committed: this node refuses the grants' tokens at once and sends what there is to send.</summary>
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
        // What was begun is not ended with the request: who hangs up is signed out all the same.
        var cancellation = CancellationToken.None;
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var ended = await EndAsync(connection, await SessionEnds.HoldAsync(connection, userId, only, kept, cancellation), userId, endsGrants: true, note, cancellation);
        await transaction.CommitAsync(cancellation);
        Announce(ended);
        return ended.Count;
    }

    private async Task<EndedSessions> EndAsync(NpgsqlConnection connection, Guid[] sessions, Guid userId, bool endsGrants, AuditNote note, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (sessions.Length == 0)
            return new EndedSessions(0, [], now, HasNotices: false);

        var (grants, told) = await SessionEnds.EndAsync(connection, sessions, now, endsGrants, note, cancellation);
        var notices = told.ConvertAll(client => new LogoutNotice(client.ClientId, userId, client.SessionId).Write());
        if (notices.Count > 0)
            await outbox.AddAsync(connection, LogoutNotice.Kind, notices, [.. told.Select(client => client.ClientId)], now + NoticeLifetime, cancellation);
        return new EndedSessions(sessions.Length, grants, now + UntilTheFeedTells, notices.Count > 0);
    }
}
