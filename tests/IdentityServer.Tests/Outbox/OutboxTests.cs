using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using IdentityServer.Jobs;
using IdentityServer.Outbox;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using IdentityServer.Tests.Telemetry;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Outbox;

/// <summary>A message is sent if and only if its transaction is committed, whatever fails in between.</summary>
public sealed class OutboxTests
{
    [Fact]
    public async Task A_message_is_delivered_at_once_and_deleted()
    {
        var postbox = new Postbox();
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);

        var start = Stopwatch.GetTimestamp();
        await server.PostsAsync("hello");
        await Around.SoonAsync(() => Task.FromResult(!postbox.Delivered.IsEmpty), "the message is delivered");

        // Without waiting for the Quartz job.
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, DeliverOutbox.Interval / 2);
        await IsEmptyAsync(server);
        Assert.Equal(["hello"], postbox.Delivered);
    }

    [Fact]
    public async Task A_message_is_delivered_only_if_its_transaction_is_committed()
    {
        var postbox = new Postbox();
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);
        var store = server.Services.GetRequiredService<OutboxStore>();
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AuthDb>();

        foreach (var isCommitted in new[] { false, true })
        {
            await using var transaction = await db.Database.BeginTransactionAsync();
            await store.AddAsync(
                (NpgsqlConnection)db.Database.GetDbConnection(), Postbox.Word, [Encoding.UTF8.GetBytes($"{isCommitted}")], server.Clock.GetUtcNow().AddHours(1), CancellationToken.None);
            store.Wake(Postbox.Word);
            await Task.Delay(100);
            Assert.Empty(postbox.Delivered);
            if (isCommitted)
                await transaction.CommitAsync();
        }
        store.Wake(Postbox.Word);

        await IsEmptyAsync(server);
        Assert.Equal(["True"], postbox.Delivered);
    }

    [Fact]
    public async Task The_Quartz_job_finds_messages_that_another_node_left_behind()
    {
        var postbox = new Postbox();
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();

        await server.Services.GetRequiredService<OutboxStore>().AddAsync(
            connection, Postbox.Word, [Encoding.UTF8.GetBytes("hello")], server.Clock.GetUtcNow().AddHours(1), CancellationToken.None);

        await IsEmptyAsync(server);
        Assert.Equal(["hello"], postbox.Delivered);
    }

    [Fact]
    public async Task A_failed_message_is_retried_at_growing_intervals_until_it_is_accepted()
    {
        double[] pauses = [1, 5, 30, 120, 600, 1800, 1800];
        var clock = new ServerUnderTest?[1];
        var attempts = new ConcurrentQueue<DateTimeOffset>();
        var postbox = new Postbox((_, _) =>
        {
            attempts.Enqueue(clock[0]!.Clock.GetUtcNow());
            return attempts.Count <= pauses.Length ? throw new IOException("The target is unreachable.") : Task.FromResult(Delivery.Done);
        });
        await using var server = clock[0] = await ServerUnderTest.StartAsync(postbox.Mount);

        await server.PostsAsync("hello", TimeSpan.FromHours(3));
        await Around.SoonAsync(async () =>
        {
            if (attempts.Count is var made && made is > 0 && made <= pauses.Length)
                server.Clock.Advance(TimeSpan.FromSeconds(pauses[made - 1] / 4));
            server.LooksForMessages();
            return await server.ReadAsync<int>("SELECT count(*) FROM outbox") == 0;
        }, "it is accepted");

        var at = attempts.ToArray();
        Assert.Equal(pauses.Length + 1, at.Length);
        for (var i = 0; i < pauses.Length; i++)
            Assert.InRange((at[i + 1] - at[i]).TotalSeconds, pauses[i], pauses[i] * 3 + 10);
        Assert.Contains(server.Log.Lines, line => line.Contains("could not be sent at attempt 7", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_expired_message_is_given_up_logged_and_counted()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount, "--Metrics:Urls=http://127.0.0.1:0");

        await server.PostsAsync("hello", TimeSpan.FromSeconds(100));
        await FailsOnceAsync(server);
        server.Clock.Advance(TimeSpan.FromSeconds(101));
        server.LooksForMessages();

        await IsEmptyAsync(server);
        // Logged and counted after the delete.
        await Around.SoonAsync(async () => (await MetricsTests.ScrapeAsync(server))["identityserver_outbox_dropped_total"] == 1, "it is counted");
        Assert.Contains(server.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains($"expired without being sent; {postbox.Delivered.Count} attempts failed", StringComparison.Ordinal));
        var metrics = await MetricsTests.ScrapeAsync(server);
        Assert.Equal(postbox.Delivered.Count, metrics["""identityserver_outbox_failed_total{kind="test"}"""]);
    }

    [Fact]
    public async Task A_refused_message_is_not_retried()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Refused));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);

        await server.PostsAsync("hello");
        await IsEmptyAsync(server);

        Assert.Single(postbox.Delivered);
    }

    [Fact]
    public async Task Each_message_is_delivered_by_one_of_two_nodes()
    {
        var postbox = new Postbox(async (_, cancellationToken) =>
        {
            await Task.Delay(5, cancellationToken);
            return Delivery.Done;
        });
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);
        await using var other = await ServerUnderTest.StartOnAsync(server.ConnectionString, postbox.Mount);

        await Parallel.ForAsync(0, 200, async (i, _) =>
        {
            await (i % 2 == 0 ? server : other).PostsAsync(i.ToString(CultureInfo.InvariantCulture));
            (i % 3 == 0 ? server : other).LooksForMessages();
        });

        await IsEmptyAsync(server);
        Assert.Equal(200, postbox.Delivered.Count);
        Assert.Equal(200, postbox.Delivered.Distinct().Count());
    }

    [Fact]
    public async Task A_node_that_hangs_in_a_delivery_loses_the_message_when_its_lease_ends()
    {
        var hanging = new Postbox(async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
            return Delivery.Done;
        });
        var postbox = new Postbox();
        var stuck = await ServerUnderTest.StartAsync(hanging.Mount);
        try
        {
            await stuck.PostsAsync("hello");
            await Around.SoonAsync(() => Task.FromResult(!hanging.Delivered.IsEmpty), "it is claimed");
            await using var other = await ServerUnderTest.StartOnAsync(stuck.ConnectionString, postbox.Mount);
            other.LooksForMessages();
            await Task.Delay(300);
            Assert.Empty(postbox.Delivered);

            other.Clock.Advance(TimeSpan.FromMinutes(1));
            other.LooksForMessages();
            await IsEmptyAsync(other);
            Assert.Equal(["hello"], postbox.Delivered);
        }
        finally
        {
            await stuck.DisposeAsync();
        }
    }

    /// <summary>Eight messages for a target that hangs, and four workers. It hangs until the other target has its messages, so no timing is involved.</summary>
    [Fact]
    public async Task A_target_that_hangs_delays_no_other()
    {
        var end = new TaskCompletionSource();
        var postbox = new Postbox(async (message, _) =>
        {
            if (message.Target == "hanging")
                await end.Task;
            return Delivery.Done;
        });
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);
        try
        {
            await server.PostsToAsync("hanging", [.. Enumerable.Repeat("held", 8)]);
            await Around.SoonAsync(() => Task.FromResult(postbox.Delivered.Count(text => text == "held") == 2), "it occupies as many workers as it may");
            await server.PostsToAsync("other", "hello", "again");
            await Around.SoonAsync(() => Task.FromResult(postbox.Delivered.Contains("hello") && postbox.Delivered.Contains("again")), "the other target has its messages");
            Assert.Equal(2, postbox.Delivered.Count(text => text == "held"));
        }
        finally
        {
            end.SetResult();
        }
        await IsEmptyAsync(server);
        Assert.Equal(8, postbox.Delivered.Count(text => text == "held"));
    }

    [Fact]
    public async Task Other_messages_for_a_target_that_failed_wait_without_an_attempt()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);

        await server.PostsToAsync("away", "1", "2", "3", "4", "5");
        var posted = server.Clock.GetUtcNow();

        await Around.SoonAsync(
            async () => await server.ReadAsync<int>("SELECT count(*) FROM outbox WHERE attempts = 0 AND due_at > $1", posted) > 0, "the others are postponed with the one that failed");
    }

    [Fact]
    public async Task A_node_that_stops_releases_its_undelivered_messages()
    {
        var slow = new Postbox(async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return Delivery.Done;
        });
        var postbox = new Postbox();
        await using var server = await ServerUnderTest.StartAsync(slow.Mount);
        await server.PostsAsync("hello");
        await Around.SoonAsync(() => Task.FromResult(!slow.Delivered.IsEmpty), "it is claimed");

        await server.StopAsync();

        await using var other = await ServerUnderTest.StartOnAsync(server.ConnectionString, postbox.Mount);
        await IsEmptyAsync(other);
        Assert.Equal(["hello"], postbox.Delivered);
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("could not be sent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Messages_are_encrypted_in_the_database_and_one_that_cannot_be_decrypted_is_deleted()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);
        await server.PostsAsync("canary-of-a-token");
        await FailsOnceAsync(server);

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM outbox WHERE position('canary'::bytea IN protected_message) > 0"));
        await server.ExecuteAsync("UPDATE outbox SET protected_message = '\\x0123', due_at = $1", server.Clock.GetUtcNow());
        server.LooksForMessages();

        await IsEmptyAsync(server);
        await Around.SoonAsync(() => Task.FromResult(server.Log.Lines.Any(line => line.Contains("can't be decrypted", StringComparison.Ordinal))), "it is logged");
    }

    [Fact]
    public async Task Waiting_messages_are_counted()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount, "--Metrics:Urls=http://127.0.0.1:0");
        await server.PostsAsync("one");
        await server.PostsAsync("two");

        // The schedule runs the job too, and may write what it counted before the second message.
        await Around.SoonAsync(async () =>
        {
            await ActivatorUtilities.CreateInstance<DeliverOutbox>(server.Services).Execute(null!, CancellationToken.None);
            return (await MetricsTests.ScrapeAsync(server))["identityserver_outbox_depth"] == 2;
        }, "both are counted");
    }

    /// <summary>Waits for a failed attempt that is followed by a retry.</summary>
    private static Task FailsOnceAsync(ServerUnderTest server) => Around.SoonAsync(
        async () => await server.ReadAsync<bool>("SELECT EXISTS (SELECT FROM outbox WHERE attempts > 0 AND due_at < $1)", server.Clock.GetUtcNow().AddSeconds(10)), "an attempt has failed");

    private static Task IsEmptyAsync(ServerUnderTest server) =>
        Around.SoonAsync(async () => await server.ReadAsync<int>("SELECT count(*) FROM outbox") == 0, "the outbox is empty");
}
