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

/// <summary>What is committed goes out, whatever fails between; what is not committed never does.</summary>
public sealed class OutboxTests
{
    [Fact]
    public async Task A_message_goes_out_at_once_and_leaves_nothing_behind()
    {
        var postbox = new Postbox();
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);

        var start = Stopwatch.GetTimestamp();
        await server.PostsAsync("hello");
        await Around.SoonAsync(() => Task.FromResult(!postbox.Brought.IsEmpty), "the message is brought");

        // Not when Quartz looks next.
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, DeliverOutbox.Interval / 2);
        await IsEmptyAsync(server);
        Assert.Equal(["hello"], postbox.Brought);
    }

    [Fact]
    public async Task What_is_written_in_a_transaction_goes_out_with_its_commit_and_not_without()
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
            Assert.Empty(postbox.Brought);
            if (isCommitted)
                await transaction.CommitAsync();
        }
        store.Wake(Postbox.Word);

        await IsEmptyAsync(server);
        Assert.Equal(["True"], postbox.Brought);
    }

    [Fact]
    public async Task What_another_node_wrote_and_did_not_deliver_is_found_when_Quartz_looks()
    {
        var postbox = new Postbox();
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();

        await server.Services.GetRequiredService<OutboxStore>().AddAsync(
            connection, Postbox.Word, [Encoding.UTF8.GetBytes("hello")], server.Clock.GetUtcNow().AddHours(1), CancellationToken.None);

        await IsEmptyAsync(server);
        Assert.Equal(["hello"], postbox.Brought);
    }

    [Fact]
    public async Task What_fails_is_tried_again_later_and_later_until_it_is_taken()
    {
        double[] pauses = [1, 5, 30, 120, 600, 1800, 1800];
        var clock = new ServerUnderTest?[1];
        var attempts = new ConcurrentQueue<DateTimeOffset>();
        var postbox = new Postbox((_, _) =>
        {
            attempts.Enqueue(clock[0]!.Clock.GetUtcNow());
            return attempts.Count <= pauses.Length ? throw new IOException("The way out is blocked.") : Task.FromResult(Delivery.Done);
        });
        await using var server = clock[0] = await ServerUnderTest.StartAsync(postbox.Mount);

        await server.PostsAsync("hello", TimeSpan.FromHours(3));
        await Around.SoonAsync(async () =>
        {
            if (attempts.Count is var made && made is > 0 && made <= pauses.Length)
                server.Clock.Advance(TimeSpan.FromSeconds(pauses[made - 1] / 4));
            server.LooksForMessages();
            return await server.ReadAsync<int>("SELECT count(*) FROM outbox") == 0;
        }, "it is taken");

        var at = attempts.ToArray();
        Assert.Equal(pauses.Length + 1, at.Length);
        for (var i = 0; i < pauses.Length; i++)
            Assert.InRange((at[i + 1] - at[i]).TotalSeconds, pauses[i], pauses[i] * 3 + 10);
        Assert.Contains(server.Log.Lines, line => line.Contains("could not be sent at attempt 7", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_expires_is_given_up_with_a_line_in_the_log_and_a_count()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount, "--Metrics:Urls=http://127.0.0.1:0");

        await server.PostsAsync("hello", TimeSpan.FromSeconds(100));
        await FailsAsync(server);
        server.Clock.Advance(TimeSpan.FromSeconds(101));
        server.LooksForMessages();

        await IsEmptyAsync(server);
        // What is told follows what is done.
        await Around.SoonAsync(async () => (await MetricsTests.ScrapeAsync(server))["identityserver_outbox_dropped_total"] == 1, "it is counted");
        Assert.Contains(server.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains($"was not sent: {postbox.Brought.Count} attempts failed", StringComparison.Ordinal));
        var metrics = await MetricsTests.ScrapeAsync(server);
        Assert.Equal(postbox.Brought.Count, metrics["""identityserver_outbox_failed_total{kind="test"}"""]);
    }

    [Fact]
    public async Task What_is_refused_for_good_is_not_tried_again()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Refused));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);

        await server.PostsAsync("hello");
        await IsEmptyAsync(server);

        Assert.Single(postbox.Brought);
    }

    [Fact]
    public async Task Of_two_nodes_each_message_is_brought_by_one()
    {
        var postbox = new Postbox(async (_, cancellation) =>
        {
            await Task.Delay(5, cancellation);
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
        Assert.Equal(200, postbox.Brought.Count);
        Assert.Equal(200, postbox.Brought.Distinct().Count());
    }

    [Fact]
    public async Task A_node_that_hangs_in_a_delivery_keeps_the_message_for_its_lease_only()
    {
        var hanging = new Postbox(async (_, cancellation) =>
        {
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
            return Delivery.Done;
        });
        var postbox = new Postbox();
        var stuck = await ServerUnderTest.StartAsync(hanging.Mount);
        try
        {
            await stuck.PostsAsync("hello");
            await Around.SoonAsync(() => Task.FromResult(!hanging.Brought.IsEmpty), "it is taken up");
            await using var other = await ServerUnderTest.StartOnAsync(stuck.ConnectionString, postbox.Mount);
            other.LooksForMessages();
            await Task.Delay(300);
            Assert.Empty(postbox.Brought);

            other.Clock.Advance(TimeSpan.FromMinutes(1));
            other.LooksForMessages();
            await IsEmptyAsync(other);
            Assert.Equal(["hello"], postbox.Brought);
        }
        finally
        {
            await stuck.DisposeAsync();
        }
    }

    /// <summary>Eight to one that hangs, of four workers; no timing: it hangs until the other has got its own.</summary>
    [Fact]
    public async Task A_target_that_hangs_holds_up_no_other()
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
            await Around.SoonAsync(() => Task.FromResult(postbox.Brought.Count(text => text == "held") == 2), "it has all the workers that it gets");
            await server.PostsToAsync("other", "hello", "again");
            await Around.SoonAsync(() => Task.FromResult(postbox.Brought.Contains("hello") && postbox.Brought.Contains("again")), "the other is served");
            Assert.Equal(2, postbox.Brought.Count(text => text == "held"));
        }
        finally
        {
            end.SetResult();
        }
        await IsEmptyAsync(server);
        Assert.Equal(8, postbox.Brought.Count(text => text == "held"));
    }

    [Fact]
    public async Task What_else_is_due_for_a_target_that_is_away_waits_untried()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);

        await server.PostsToAsync("away", "1", "2", "3", "4", "5");
        var posted = server.Clock.GetUtcNow();

        await Around.SoonAsync(
            async () => await server.ReadAsync<int>("SELECT count(*) FROM outbox WHERE attempts = 0 AND due_at > $1", posted) > 0, "the others are postponed with the one that failed");
    }

    [Fact]
    public async Task A_node_that_ends_gives_back_what_did_not_arrive()
    {
        var slow = new Postbox(async (_, cancellation) =>
        {
            await Task.Delay(Timeout.Infinite, cancellation);
            return Delivery.Done;
        });
        var postbox = new Postbox();
        await using var server = await ServerUnderTest.StartAsync(slow.Mount);
        await server.PostsAsync("hello");
        await Around.SoonAsync(() => Task.FromResult(!slow.Brought.IsEmpty), "it is taken up");

        await server.StopAsync();

        await using var other = await ServerUnderTest.StartOnAsync(server.ConnectionString, postbox.Mount);
        await IsEmptyAsync(other);
        Assert.Equal(["hello"], postbox.Brought);
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("could not be sent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_a_message_says_can_not_be_read_in_the_database_and_one_that_can_not_be_opened_is_dropped()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount);
        await server.PostsAsync("canary-of-a-token");
        await FailsAsync(server);

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM outbox WHERE position('canary'::bytea IN protected_message) > 0"));
        await server.ExecuteAsync("UPDATE outbox SET protected_message = '\\x0123', due_at = $1", server.Clock.GetUtcNow());
        server.LooksForMessages();

        await IsEmptyAsync(server);
        await Around.SoonAsync(() => Task.FromResult(server.Log.Lines.Any(line => line.Contains("can't be opened", StringComparison.Ordinal))), "it is told");
    }

    [Fact]
    public async Task What_waits_is_counted()
    {
        var postbox = new Postbox((_, _) => Task.FromResult(Delivery.Postponed));
        await using var server = await ServerUnderTest.StartAsync(postbox.Mount, "--Metrics:Urls=http://127.0.0.1:0");
        await server.PostsAsync("one");
        await server.PostsAsync("two");

        await ActivatorUtilities.CreateInstance<DeliverOutbox>(server.Services).Execute(null!, CancellationToken.None);

        Assert.Equal(2, (await MetricsTests.ScrapeAsync(server))["identityserver_outbox_depth"]);
    }

    /// <summary>Waits until an attempt has failed and the message waits for the next.</summary>
    private static Task FailsAsync(ServerUnderTest server) => Around.SoonAsync(
        async () => await server.ReadAsync<bool>("SELECT EXISTS (SELECT FROM outbox WHERE attempts > 0 AND due_at < $1)", server.Clock.GetUtcNow().AddSeconds(10)), "an attempt has failed");

    private static Task IsEmptyAsync(ServerUnderTest server) =>
        Around.SoonAsync(async () => await server.ReadAsync<int>("SELECT count(*) FROM outbox") == 0, "the outbox is empty");
}
