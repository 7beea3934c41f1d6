using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LocalPostgres.Tests;

/// <summary>Recovery after kill -9.</summary>
public sealed class RecoveryTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_server_killed_while_held_is_back_within_10_seconds_with_its_data()
    {
        await using var directory = new TestDirectory();
        await using var first = Holder.Start(directory.Server);
        await using var second = Holder.Start(directory.Server);
        var connectionString = await first.HoldsAsync();
        await second.HoldsAsync();
        await Holder.QueryAsync(connectionString, "SET synchronous_commit = on; CREATE TABLE notes AS SELECT 'still here' AS text");

        for (var round = 0; round < 2; round++)
        {
            var killed = directory.KillServer();
            var begin = Stopwatch.GetTimestamp();
            var text = await AnswerAsync(connectionString, "SELECT text FROM notes", TimeSpan.FromSeconds(30));
            output.WriteLine($"back after {Stopwatch.GetElapsedTime(begin).TotalMilliseconds:0} ms");
            Assert.Equal("still here", text);
            Assert.NotEqual(killed, directory.ServerPid);
        }

        // Each time exactly one of the two programs restarts it.
        await Task.WhenAll(first.TerminateAsync(), second.TerminateAsync());
        var restarts = first.Lines.Concat(second.Lines).Count(line => line.Contains("died; starting it again", StringComparison.Ordinal));
        Assert.Equal(2, restarts);
        await directory.ServerEndsAsync(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_busy_process_of_the_dead_server_does_not_hold_up_the_restart()
    {
        await using var directory = new TestDirectory();
        await using var holder = Holder.Start(directory.Server);
        var connectionString = await holder.HoldsAsync();

        // It looks at no socket and notices nothing.
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var busy = new NpgsqlCommand("DO $$ BEGIN FOR i IN 1..2000000000 LOOP END LOOP; END $$", connection) { CommandTimeout = 60 };
        var work = busy.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await Task.Delay(300, TestContext.Current.CancellationToken);

        directory.KillServer();
        Assert.Equal(1, await AnswerAsync(connectionString, "SELECT 1", TimeSpan.FromSeconds(30)));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => work);
    }

    [Fact]
    public async Task After_everything_was_killed_the_next_start_recovers()
    {
        await using var directory = new TestDirectory();
        await using var holder = Holder.Start(directory.Server);
        await Holder.QueryAsync(await holder.HoldsAsync(), "SET synchronous_commit = on; CREATE TABLE notes AS SELECT 'still here' AS text");
        await holder.KillAsync();
        directory.KillServer();
        Assert.True(File.Exists(Postmaster.PidFile(directory.Cluster)));

        await using var server = await LocalPostgresServer.StartAsync(directory.Options, NullLogger.Instance, CancellationToken.None);
        Assert.Equal("still here", await Holder.QueryAsync(server.ConnectionString("postgres"), "SELECT text FROM notes"));
    }

    [Fact]
    public async Task A_pid_file_that_names_another_process_is_not_taken_for_a_server()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux tells a process's arguments; elsewhere PostgreSQL's own check decides.");

        await using var directory = new TestDirectory();
        await using var other = new TestDirectory();
        await using (await LocalPostgresServer.StartAsync(directory.Options, NullLogger.Instance, CancellationToken.None))
        {
        }

        await using var another = await LocalPostgresServer.StartAsync(other.Options, NullLogger.Instance, CancellationToken.None);
        // As after a reboot: a PostgreSQL of the same user has that pid, and PostgreSQL's own check would give up.
        await File.WriteAllTextAsync(
            Postmaster.PidFile(directory.Cluster),
            string.Create(CultureInfo.InvariantCulture, $"{other.ServerPid}\n{directory.Cluster}\n1700000000\n5432\n/nowhere\n\n"),
            TestContext.Current.CancellationToken);

        await using var server = await LocalPostgresServer.StartAsync(directory.Options, NullLogger.Instance, CancellationToken.None);
        Assert.Equal(1, await Holder.QueryAsync(server.ConnectionString("postgres"), "SELECT 1"));
        Assert.NotNull(other.ServerPid);
    }

    [Fact]
    public async Task What_a_killed_initdb_left_is_cleared_away()
    {
        await using var directory = new TestDirectory();
        Directory.CreateDirectory(directory.Server);
        await File.WriteAllTextAsync(Path.Combine(directory.Server, "start.lock"), "", TestContext.Current.CancellationToken);
        var half = Path.Combine(directory.Server, "data.new-1");
        Directory.CreateDirectory(Path.Combine(half, "base"));

        await using var server = await LocalPostgresServer.StartAsync(directory.Options, NullLogger.Instance, CancellationToken.None);
        Assert.False(Directory.Exists(half));
        Assert.Equal(1, await Holder.QueryAsync(server.ConnectionString("postgres"), "SELECT 1"));
    }

    [Fact]
    public async Task A_cluster_deleted_under_its_users_is_not_replaced_by_an_empty_one()
    {
        await using var directory = new TestDirectory();
        await using var holder = Holder.Start(directory.Server);
        await holder.HoldsAsync();
        directory.KillServer();
        Directory.Move(directory.Cluster, directory.Cluster + ".away");

        await holder.SaysAsync("lost its cluster while it was in use");
        Assert.False(Directory.Exists(directory.Cluster));
    }

    private static async Task<object?> AnswerAsync(string connectionString, string sql, TimeSpan patience)
    {
        var begin = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return await Holder.QueryAsync(connectionString, sql);
            }
            catch (NpgsqlException) when (Stopwatch.GetElapsedTime(begin) < patience)
            {
                await Task.Delay(50);
            }
        }
    }
}
