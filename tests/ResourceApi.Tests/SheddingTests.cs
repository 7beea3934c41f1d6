using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ServiceDefaults.Storage;
using Testing;
using Xunit;

namespace ResourceApi.Tests;

/// <summary>Every wait ends and every queue is bounded: beyond that it is 503, at once if possible.</summary>
public sealed class SheddingTests
{
    [Fact]
    public async Task Requests_past_the_queue_are_refused_at_once_and_the_node_stays_ready()
    {
        await using var store = await Store.StartAsync();
        await using var host = await Store.StartHostAsync(store.Issuer, store.ConnectionString + ";Maximum Pool Size=1;Timeout=60;Command Timeout=60", "--Database:QueueLength=3", "--Limits:RequestTimeout=60");
        using var http = Client(store, host.Addresses.Single());
        Assert.Equal(HttpStatusCode.Created, (await http.PostAsJsonAsync("/api/data", new { key = "k", value = "1" })).StatusCode);
        var queue = host.Services.GetRequiredService<DatabaseGate>();

        Task<HttpResponseMessage>[] waiting;
        await using (await LockAsync(store.ConnectionString))
        {
            waiting = [.. Enumerable.Range(0, 3).Select(_ => http.GetAsync("/api/data/k"))];
            await Wait.UntilAsync(() => queue.Length == 3, "a full queue");
            foreach (var response in new[]
            {
                await http.GetAsync("/api/data/k"), await http.GetAsync("/api/data"), await http.DeleteAsync("/api/data/k"),
                await http.PutAsJsonAsync("/api/data/k", new { value = "2" }), await http.PostAsJsonAsync("/api/data", new { key = "l", value = "2" }),
            })
            {
                using (response)
                {
                    (await Answer.ReadAsync(response)).Is(HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE");
                    Assert.NotNull(response.Headers.RetryAfter?.Delta);
                }
            }

            // At once: the earlier requests are still waiting.
            Assert.Equal(3, queue.Length);
            Assert.DoesNotContain(waiting, read => read.IsCompleted);
            // The one connection is taken: readiness has its own.
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health/ready")).StatusCode);
        }

        foreach (var response in await Task.WhenAll(waiting))
            (await Answer.ReadAsync(response)).Is(HttpStatusCode.OK);
        Assert.Equal(0, queue.Length);
        using var read = await http.GetAsync("/api/data/k");
        Assert.Equal("1", (await Answer.ReadAsync(read)).Data.GetProperty("value").GetString());
    }

    [Fact]
    public async Task A_request_behind_a_lock_is_answered_at_its_deadline()
    {
        await using var store = await Store.StartAsync();
        await using var host = await Store.StartHostAsync(store.Issuer, store.ConnectionString + ";Timeout=60;Command Timeout=60", "--Limits:RequestTimeout=2");
        using var http = Client(store, host.Addresses.Single());
        Assert.Equal(HttpStatusCode.Created, (await http.PostAsJsonAsync("/api/data", new { key = "k", value = "1" })).StatusCode);
        await using (await LockAsync(store.ConnectionString))
        {
            var started = Stopwatch.GetTimestamp();
            var responses = await Task.WhenAll(
                http.GetAsync("/api/data/k"), http.GetAsync("/api/data"), http.DeleteAsync("/api/data/k"),
                http.PutAsJsonAsync("/api/data/k", new { value = "2" }), http.PostAsJsonAsync("/api/data", new { key = "l", value = "2" }));
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 1.9, 30);
            foreach (var response in responses)
            {
                (await Answer.ReadAsync(response)).Is(HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE");
                Assert.NotNull(response.Headers.RetryAfter?.Delta);
            }
        }

        using var read = await http.GetAsync("/api/data/k");
        Assert.Equal("1", (await Answer.ReadAsync(read)).Data.GetProperty("value").GetString());
    }

    [Fact]
    public async Task An_exhausted_pool_is_503_in_bounded_time_and_never_500()
    {
        await using var store = await Store.StartAsync();
        await using var host = await Store.StartHostAsync(store.Issuer, store.ConnectionString + ";Maximum Pool Size=2;Timeout=1;Command Timeout=2");
        using var http = Client(store, host.Addresses.Single());
        await using (await LockAsync(store.ConnectionString))
        {
            var started = Stopwatch.GetTimestamp();
            var responses = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => http.GetAsync("/api/data/k")));
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 25);
            foreach (var response in responses)
                (await Answer.ReadAsync(response)).Is(HttpStatusCode.ServiceUnavailable, "SERVICE_UNAVAILABLE");
        }

        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/api/data/k")).StatusCode);
    }

    [Fact, Rfc("9112", "9.6")]
    public async Task A_draining_node_is_not_ready_but_serves_and_closes_each_connection_with_its_answer()
    {
        await using var store = await Store.StartAsync();
        await using var program = ProgramProcess.Start(Path.Combine(AppContext.BaseDirectory, "ResourceApi.dll"),
        [
            "--environment=Production", "--ResourceApi:Authority=" + store.Issuer.Address, "--ResourceApi:AllowInsecureHttp=true", "--ResourceApi:Resource=" + Store.Resource,
            "--ResourceApi:ClientId=" + Testing.Issuer.FakeIssuer.ClientId, "--ResourceApi:ClientSecret=" + Testing.Issuer.FakeIssuer.ClientSecret,
            "--ConnectionStrings:ResourceApi=" + store.ConnectionString, "--Shutdown:DrainSeconds=3",
        ]);
        await program.AnswersAsync();
        using var http = Client(store, program.Address.ToString());
        Assert.NotEqual(true, (await http.GetAsync("/api/data")).Headers.ConnectionClose);

        var end = program.TerminateAsync();
        await Wait.UntilAsync(async () => (await http.GetAsync("/health/ready")).StatusCode == HttpStatusCode.ServiceUnavailable, "the node drains");
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/health/live")).StatusCode);
        using var stored = await http.PostAsJsonAsync("/api/data", new { key = "k", value = "1" });
        Assert.Equal((HttpStatusCode.Created, true), (stored.StatusCode, stored.Headers.ConnectionClose));
        Assert.False(end.IsCompleted);
        Assert.Equal(0, await end);
    }

    private static HttpClient Client(Store store, string address) => new()
    {
        BaseAddress = new Uri(address),
        DefaultRequestHeaders = { Authorization = new("Bearer", store.SignIn().Token) },
    };

    private static async Task<NpgsqlConnection> LockAsync(string connectionString)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var hold = new NpgsqlCommand("BEGIN; LOCK TABLE items", connection);
        await hold.ExecuteNonQueryAsync();
        return connection;
    }
}
