using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>A message that this node has taken up for one attempt.</summary>
/// <param name="Attempt">1 at the first.</param>
/// <param name="ExpiresAt">When it is given up.</param>
/// <param name="Target">Whom it goes to; null: nobody in particular.</param>
internal sealed record OutboxMessage(Guid Id, byte[] Content, int Attempt, DateTimeOffset ExpiresAt, string? Target);

/// <summary>
/// The table <c>outbox</c>: messages that must go out, written in the transaction of what they tell, so that none is lost
/// and none tells what was never committed. Any node may deliver any of them, at least once: one that died between the
/// delivery and the note of it leaves the message to another. What they say may hold a token
/// and is protected by Data Protection, but for <c>deleted_session</c>, which the database writes itself.
/// </summary>
internal sealed class OutboxStore(NpgsqlDataSource source, IDataProtectionProvider protection, TimeProvider time)
{
    /// <summary>The depth is counted up to here.</summary>
    public const int MaximumCount = 10_000;

    private const string AddSql =
        """
        INSERT INTO outbox (id, kind, protected_message, attempts, due_at, expires_at, target)
        SELECT m.id, $3, m.content, 0, $4, $5, m.target FROM unnest($1::uuid[], $2::bytea[], $6::text[]) AS m (id, content, target)
        """;

    // Of two nodes that ask at once each gets another message: nobody waits. Who takes one up moves it ahead past its own
    // deadline; if it dies the message is due again then.
    private const string ClaimSql =
        """
        UPDATE outbox SET due_at = $3, attempts = attempts + 1
        WHERE id = ANY (ARRAY(
            SELECT id FROM outbox WHERE kind = $1 AND due_at <= $2 AND (target IS NULL OR target <> ALL ($4)) ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED))
        RETURNING id, protected_message, attempts, expires_at, target
        """;

    // Not where another node has taken it up since.
    private const string PostponeSql = "UPDATE outbox SET due_at = $2 WHERE id = $1 AND attempts = $3";

    // Those that are on their way are not due.
    private const string PostponeAllSql =
        """
        UPDATE outbox SET due_at = $4
        WHERE id = ANY (ARRAY(SELECT id FROM outbox WHERE kind = $1 AND target = $2 AND due_at <= $3 FOR UPDATE SKIP LOCKED))
        """;

    private const string RemoveSql = "DELETE FROM outbox WHERE id = $1";

    private const string CountSql = "SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS waiting";

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Outbox");
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _bells = new(StringComparer.Ordinal);

    /// <summary>Writes one message, as a transaction of its own.</summary>
    public async Task AddAsync(string kind, byte[] content, TimeSpan keep, CancellationToken cancellation)
    {
        await using (var connection = await source.OpenConnectionAsync(cancellation))
            await AddAsync(connection, kind, [content], time.GetUtcNow() + keep, cancellation);
        Wake(kind);
    }

    /// <summary>Writes messages within the caller's transaction, who calls <see cref="Wake"/> once it is committed.</summary>
    /// <param name="expiresAt">When they are given up.</param>
    public Task AddAsync(NpgsqlConnection connection, string kind, IReadOnlyCollection<byte[]> contents, DateTimeOffset expiresAt, CancellationToken cancellation) =>
        AddAsync(connection, kind, contents, targets: [], expiresAt, cancellation);

    /// <inheritdoc cref="AddAsync(NpgsqlConnection, string, IReadOnlyCollection{byte[]}, DateTimeOffset, CancellationToken)"/>
    /// <param name="targets">Whom each goes to: what one of them does not take holds up no other. None: nobody in particular.</param>
    public async Task AddAsync(
        NpgsqlConnection connection, string kind, IReadOnlyCollection<byte[]> contents, string[] targets, DateTimeOffset expiresAt, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        await using var command = new NpgsqlCommand(AddSql, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. contents.Select(_ => Guid.CreateVersion7(now))] });
        command.Parameters.Add(new NpgsqlParameter<byte[][]> { TypedValue = [.. contents.Select(_protector.Protect)] });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = expiresAt });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = targets });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>The next message of a kind that is due, if there is one: this node's for as long as <paramref name="lease"/>.</summary>
    /// <param name="passedOver">The targets whose messages are left where they are.</param>
    /// <exception cref="CryptographicException">It can't be opened, and is gone.</exception>
    public async Task<OutboxMessage?> ClaimAsync(string kind, bool isPlain, TimeSpan lease, string[] passedOver, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        Guid id;
        byte[] content;
        int attempts;
        string? target;
        DateTimeOffset expiresAt;
        await using (var command = source.CreateCommand(ClaimSql))
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
            command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
            command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now + lease });
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = passedOver });
            await using var row = await command.ExecuteReaderAsync(cancellation);
            if (!await row.ReadAsync(cancellation))
                return null;
            (id, content, attempts, expiresAt, target) =
                (row.GetGuid(0), row.GetFieldValue<byte[]>(1), row.GetInt32(2), row.GetFieldValue<DateTimeOffset>(3), row.IsDBNull(4) ? null : row.GetString(4));
        }
        try
        {
            return new OutboxMessage(id, isPlain ? content : _protector.Unprotect(content), attempts, expiresAt, target);
        }
        catch (CryptographicException)
        {
            // The ring of Data Protection was replaced.
            await RemoveAsync(id, cancellation);
            throw;
        }
    }

    public async Task PostponeAsync(OutboxMessage message, DateTimeOffset until, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(PostponeSql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = message.Id });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = until });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = message.Attempt });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>All that is due of one target, on every node: it was away just now.</summary>
    public async Task PostponeAllAsync(string kind, string target, DateTimeOffset until, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(PostponeAllSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = target });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.GetUtcNow() });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = until });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    public async Task RemoveAsync(Guid id, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await TryRemoveAsync(connection, id, cancellation);
    }

    /// <summary>Within the caller's transaction, for what is delivered into the database itself. False: another node has done it.</summary>
    public static async Task<bool> TryRemoveAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(RemoveSql, connection) { Parameters = { new NpgsqlParameter<Guid> { TypedValue = id } } };
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    /// <summary>How many messages wait, in all kinds; at most <see cref="MaximumCount"/>.</summary>
    public async Task<long> CountAsync(CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(CountSql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MaximumCount });
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    /// <summary>This node looks at once for messages of the kind.</summary>
    public void Wake(string kind)
    {
        try
        {
            Bell(kind).Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody is about to look already.
        }
    }

    /// <summary>Ends when the kind is worth a look.</summary>
    public Task WokenAsync(string kind, CancellationToken cancellation) => Bell(kind).WaitAsync(cancellation);

    private SemaphoreSlim Bell(string kind) => _bells.GetOrAdd(kind, static _ => new SemaphoreSlim(0, 1));
}
