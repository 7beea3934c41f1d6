using System.Diagnostics;
using System.Net;
using Npgsql;
using ResourceApi.Storage;
using Testing;
using Testing.Issuer;
using Xunit;

namespace ResourceApi.Tests;

public sealed class OutageTests
{
    [Fact]
    public async Task A_revoked_token_is_dead_on_two_instances_within_a_second()
    {
        await using var store = await Store.StartAsync();
        await using var second = await Store.StartHostAsync(store.Issuer, store.ConnectionString);
        using var http = new HttpClient();
        var atSecond = new Uri(new Uri(second.Addresses.Single()), "/api/data");

        async Task<HttpStatusCode> AskSecondAsync(string? token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, atSecond) { Headers = { Authorization = new("Bearer", token) } };
            using var response = await http.SendAsync(request);
            return response.StatusCode;
        }

        var fastest = await Wait.FastestAsync(async () =>
        {
            var claims = store.Issuer.Claims(Store.Resource);
            var alice = store.With(claims);
            Assert.Equal(HttpStatusCode.OK, (await alice.ListAsync()).Status);
            Assert.Equal(HttpStatusCode.OK, await AskSecondAsync(alice.Token));
            store.Issuer.Revoke("grant_id", claims["grant_id"]!.ToString());
            await Wait.UntilAsync(async () => (await alice.ListAsync()).Status == HttpStatusCode.Unauthorized, "the first refuses it");
            await Wait.UntilAsync(async () => await AskSecondAsync(alice.Token) == HttpStatusCode.Unauthorized, "the second refuses it");
        });

        Assert.InRange(fastest, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_database_outage_is_503_and_the_node_recovers()
    {
        await using var store = await Store.StartAsync();
        var alice = store.SignIn();
        (await alice.StoreAsync("k", "1")).Is(HttpStatusCode.Created);
        await SetAcceptsConnectionsAsync(store.ConnectionString, false);
        foreach (var answer in new[] { await alice.ReadAsync("k"), await alice.StoreAsync("l", "1"), await alice.UpdateAsync("k", "2"), await alice.ListAsync(), await alice.DeleteAsync("k") })
        {
            answer.Is(HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE");
            Assert.Equal("1", answer.Headers.RetryAfter!.ToString());
        }

        (await store.Anonymous.SendAsync(HttpMethod.Get, "/health/ready")).Is(HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE");
        (await store.Anonymous.SendAsync(HttpMethod.Get, "/health/live")).Is(HttpStatusCode.OK);

        await SetAcceptsConnectionsAsync(store.ConnectionString, true);
        var read = await alice.ReadAsync("k");
        Assert.Equal("1", read.Data.GetProperty("value").GetString());
        await Wait.UntilAsync(async () => (await store.Anonymous.SendAsync(HttpMethod.Get, "/health/ready")).Status == HttpStatusCode.OK, "the node is ready again");
    }

    /// <summary>Closes every connection and accepts none, like a stopped database.</summary>
    private static async Task SetAcceptsConnectionsAsync(string connectionString, bool accepts)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        var name = builder.Database;
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres", Pooling = false }.ConnectionString);
        await connection.OpenAsync();
#pragma warning disable CA2100 // A name that the test made.
        await using var command = new NpgsqlCommand(
            $"ALTER DATABASE {name} ALLOW_CONNECTIONS {accepts}; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE NOT {accepts} AND datname = '{name}'", connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    [Fact]
    public async Task A_locked_row_is_503_in_bounded_time()
    {
        await using var store = await Store.StartAsync();
        var alice = store.SignIn();
        await alice.StoreAsync("k", "1");
        await using var connection = new NpgsqlConnection(store.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("LOCK TABLE items IN ACCESS EXCLUSIVE MODE", connection, transaction);
        await hold.ExecuteNonQueryAsync();
        var start = Stopwatch.GetTimestamp();
        (await alice.ReadAsync("k")).Is(HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE");
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 25);
        await transaction.RollbackAsync();
        (await alice.ReadAsync("k")).Is(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_internal_error_is_500_without_details()
    {
        await using var store = await Store.StartAsync();
        var alice = store.SignIn();
        await using var connection = new NpgsqlConnection(store.ConnectionString);
        await connection.OpenAsync();
        await using var drop = new NpgsqlCommand("DROP TABLE items", connection);
        await drop.ExecuteNonQueryAsync();
        var answer = await alice.ReadAsync("k");
        answer.Is(HttpStatusCode.InternalServerError, "INTERNAL_ERROR");
        Assert.Equal(3, answer.Body.EnumerateObject().Count());
    }

    [Fact]
    public async Task The_program_starts_without_its_issuer_and_is_not_ready_until_it_answers()
    {
        await using var store = await Store.StartAsync();
        await using var issuer = await FakeIssuer.StartAsync();
        issuer.IsAway = true;
        await using var host = await Store.StartHostAsync(issuer, store.ConnectionString);
        using var http = new HttpClient { BaseAddress = new Uri(host.Addresses.Single()) };
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health/live")).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync("/health/ready")).StatusCode);
        using (var request = new HttpRequestMessage(HttpMethod.Get, "/api/data") { Headers = { Authorization = new("Bearer", issuer.Sign(issuer.Claims(Store.Resource))) } })
        using (var response = await http.SendAsync(request))
            (await Answer.ReadAsync(response)).Is(HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE");

        issuer.IsAway = false;
        await Wait.UntilAsync(async () => (await http.GetAsync("/health/ready")).StatusCode == HttpStatusCode.OK, "the program is ready");
    }

    [Fact]
    public async Task Nodes_that_start_at_once_on_an_empty_database_make_one_schema()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Schema.MigrateAsync(database.ConnectionString, default)));
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        await using var count = new NpgsqlCommand("SELECT count(*) FROM \"__EFMigrationsHistory\"", connection);
        Assert.Equal(1L, await count.ExecuteScalarAsync());
    }
}
