using System.Net;
using Npgsql;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

/// <summary>
/// Writes that share a statement are neither lost nor mixed up. No timing: a lock on the table holds the first
/// statement until the others wait in a shared one.
/// </summary>
public sealed class SharedWriteTests
{
    private const int Many = 30;
    private const string Writing = "UPDATE items i SET value = a.value";

    [Fact]
    public async Task Batched_writes_each_reach_their_own_key()
    {
        await using var store = await Store.StartAsync();
        var (alice, bob) = (store.SignIn(), store.SignIn());
        for (var i = 0; i < Many; i++)
            await (i % 2 == 0 ? alice : bob).StoreAsync(KeyOf(i), "old");
        await alice.StoreAsync("twice", "old");
        await bob.StoreAsync("bobs", "old");

        List<Task<Answer>> writes;
        Task<Answer> missing, first, second;
        await using (await HeldTable.HoldAsync(store.ConnectionString))
        {
            writes = [.. Enumerable.Range(0, Many).Select(i => (i % 2 == 0 ? alice : bob).UpdateAsync(KeyOf(i), "Größe " + i))];
            missing = alice.UpdateAsync("bobs", "stolen");
            (first, second) = (alice.UpdateAsync("twice", "1"), alice.UpdateAsync("twice", "2"));
            await Wait.UntilAsync(async () => await WaitingAsync(store.ConnectionString) > 0, "the writes wait together");
            // Those that are still on their way reach the queue meanwhile.
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }

        var answers = await Task.WhenAll(writes);
        (await missing).Is(HttpStatusCode.NotFound, "KEY_NOT_FOUND");
        Assert.Equal("old", (await bob.ReadAsync("bobs")).Data.GetProperty("value").GetString());
        for (var i = 0; i < Many; i++)
        {
            answers[i].Is(HttpStatusCode.OK);
            var found = await (i % 2 == 0 ? alice : bob).ReadAsync(KeyOf(i));
            Assert.Equal(("Größe " + i, answers[i].ETag), (found.Data.GetProperty("value").GetString(), found.ETag));
        }

        (await first).Is(HttpStatusCode.OK);
        (await second).Is(HttpStatusCode.OK);
        var last = await alice.ReadAsync("twice");
        // Value and version are both from the writer that came second.
        Assert.Equal(last.ETag, last.Data.GetProperty("value").GetString() == "1" ? (await first).ETag : (await second).ETag);
        var listed = (await alice.ListAsync("?prefix=key")).Data.GetProperty("items");
        Assert.Equal("Größe 0".Length + 2, listed[0].GetProperty("size").GetInt32());
    }

    private static string KeyOf(int i) => $"key-{i:D2}";

    private static async Task<long> WaitingAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid() AND strpos(query, $1) > 0", connection)
        {
            Parameters = { new() { Value = Writing } },
        };
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Nobody reads or writes items until it is disposed.</summary>
    private sealed class HeldTable(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public static async Task<HeldTable> HoldAsync(string connectionString)
        {
            var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync();
            var transaction = await connection.BeginTransactionAsync();
            await using var command = new NpgsqlCommand("LOCK TABLE items IN ACCESS EXCLUSIVE MODE", connection, transaction);
            await command.ExecuteNonQueryAsync();
            return new HeldTable(connection, transaction);
        }

        public async ValueTask DisposeAsync()
        {
            await transaction.RollbackAsync();
            await connection.DisposeAsync();
        }
    }
}
