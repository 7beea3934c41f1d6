using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>A message that this node has claimed for one attempt.</summary>
/// <param name="Attempt">The number of this attempt, from 1.</param>
/// <param name="Target">Null where the kind has only one target, such as the mail server.</param>
internal sealed record OutboxMessage(Guid Id, byte[] Content, int Attempt, DateTimeOffset ExpiresAt, string? Target);

/// <summary>
/// The table <c>outbox</c>. A message is written in the transaction of the change that it reports, so that it is sent if and
/// only if that change is committed. Any node may deliver it, at least once: a node that dies after the delivery and before
/// the delete leaves the message to another. Messages may hold tokens and are encrypted by Data Protection, except
/// <c>deleted_session</c>, which the database writes itself.
/// </summary>
internal sealed class OutboxStore(NpgsqlDataSource source, IDataProtectionProvider protection, TimeProvider timeProvider)
{
    /// <summary>The depth is counted up to this number.</summary>
    public const int MaximumCount = 10_000;

    private const string AddSql =
        """
        INSERT INTO outbox (id, kind, protected_message, attempts, due_at, expires_at, target)
        SELECT m.id, $3, m.content, 0, $4, $5, m.target FROM unnest($1::uuid[], $2::bytea[], $6::text[]) AS m (id, content, target)
        """;

    // SKIP LOCKED: concurrent nodes get different messages without waiting. A claim moves due_at to the end of the lease, when
    // the message is due again if its node has died.
    private const string ClaimSql =
        """
        UPDATE outbox SET due_at = $3, attempts = attempts + 1
        WHERE id = ANY (ARRAY(
            SELECT id FROM outbox WHERE kind = $1 AND due_at <= $2 AND (target IS NULL OR target <> ALL ($4)) ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED))
        RETURNING id, protected_message, attempts, expires_at, target
        """;

    // Does nothing if another node has claimed the message since.
    private const string PostponeSql = "UPDATE outbox SET due_at = $2 WHERE id = $1 AND attempts = $3";

    // Messages that are being delivered are not due.
    private const string PostponeAllSql =
        """
        UPDATE outbox SET due_at = $4
        WHERE id = ANY (ARRAY(SELECT id FROM outbox WHERE kind = $1 AND target = $2 AND due_at <= $3 FOR UPDATE SKIP LOCKED))
        """;

    private const string RemoveSql = "DELETE FROM outbox WHERE id = $1";

    private const string LookSql = "SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS waiting), EXISTS (SELECT FROM outbox WHERE due_at <= $2)";

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Outbox");
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _bells = new(StringComparer.Ordinal);

    /// <summary>Writes one message in a transaction of its own.</summary>
    public async Task AddAsync(string kind, byte[] content, TimeSpan keep, CancellationToken cancellationToken)
    {
        await using (var connection = await source.OpenConnectionAsync(cancellationToken))
            await AddAsync(connection, kind, [content], timeProvider.GetUtcNow() + keep, cancellationToken);
        Wake(kind);
    }

    /// <summary>Writes messages in the caller's transaction; the caller calls <see cref="Wake"/> after the commit.</summary>
    public Task AddAsync(NpgsqlConnection connection, string kind, IReadOnlyCollection<byte[]> contents, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        AddAsync(connection, kind, contents, targets: [], expiresAt, cancellationToken);

    /// <inheritdoc cref="AddAsync(NpgsqlConnection, string, IReadOnlyCollection{byte[]}, DateTimeOffset, CancellationToken)"/>
    /// <param name="targets">One for each message, or none: a target that fails delays no other.</param>
    public async Task AddAsync(
        NpgsqlConnection connection, string kind, IReadOnlyCollection<byte[]> contents, string[] targets, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        await connection.Command(AddSql,
            P<Guid[]>([.. contents.Select(_ => Guid.CreateVersion7(now))]), P<byte[][]>([.. contents.Select(_protector.Protect)]), P(kind),
            P(now), P(expiresAt), P(targets)).ExecuteAsync(cancellationToken);
    }

    /// <summary>Claims the next due message of a kind, if there is one, for the time of the lease.</summary>
    /// <param name="excludedTargets">Targets whose messages are skipped.</param>
    /// <exception cref="CryptographicException">The message can't be decrypted and was deleted.</exception>
    public async Task<OutboxMessage?> ClaimAsync(string kind, bool isPlain, TimeSpan lease, string[] excludedTargets, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var claimed = await source.Command(ClaimSql, P(kind), P(now), P(now + lease), P(excludedTargets))
            .FindAsync(row => new OutboxMessage(row.GetGuid(0), row.GetFieldValue<byte[]>(1), row.GetInt32(2), row.Time(3), row.Maybe<string>(4)), cancellationToken);
        if (claimed is null || isPlain)
            return claimed;
        try
        {
            return claimed with { Content = _protector.Unprotect(claimed.Content) };
        }
        catch (CryptographicException)
        {
            // The Data Protection key ring was replaced.
            await RemoveAsync(claimed.Id, cancellationToken);
            throw;
        }
    }

    public Task PostponeAsync(OutboxMessage message, DateTimeOffset until, CancellationToken cancellationToken) =>
        source.Command(PostponeSql, P(message.Id), P(until), P(message.Attempt)).ExecuteAsync(cancellationToken);

    /// <summary>Postpones all due messages for a target that has just failed, for every node.</summary>
    public Task PostponeAllAsync(string kind, string target, DateTimeOffset until, CancellationToken cancellationToken) =>
        source.Command(PostponeAllSql, P(kind), P(target), P(timeProvider.GetUtcNow()), P(until)).ExecuteAsync(cancellationToken);

    public Task RemoveAsync(Guid id, CancellationToken cancellationToken) => source.Command(RemoveSql, P(id)).ExecuteAsync(cancellationToken);

    /// <summary>In the caller's transaction, for messages that are delivered into the database. False: another node has delivered it.</summary>
    public static async Task<bool> TryRemoveAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken) =>
        await connection.Command(RemoveSql, P(id)).ExecuteAsync(cancellationToken) == 1;

    /// <summary>The number of messages of all kinds, at most <see cref="MaximumCount"/>, and whether any is due.</summary>
    public async Task<(long Count, bool IsAnyDue)> LookAsync(CancellationToken cancellationToken) =>
        (await source.Command(LookSql, P(MaximumCount), P(timeProvider.GetUtcNow())).ListAsync(row => (row.GetInt64(0), row.GetBoolean(1)), cancellationToken))[0];

    /// <summary>Makes this node look for messages of the kind at once.</summary>
    public void Wake(string kind)
    {
        try
        {
            Bell(kind).Release();
        }
        catch (SemaphoreFullException)
        {
            // A worker is already about to look.
        }
    }

    /// <summary>Completes at the next <see cref="Wake"/> of the kind.</summary>
    public Task WokenAsync(string kind, CancellationToken cancellationToken) => Bell(kind).WaitAsync(cancellationToken);

    private SemaphoreSlim Bell(string kind) => _bells.GetOrAdd(kind, static _ => new SemaphoreSlim(0, 1));
}
