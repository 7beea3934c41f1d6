using System.Net;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class LimitsTests
{
    [Fact, Rfc("6585", "4")]
    public async Task Too_many_requests_from_one_address_are_429_with_Retry_After()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:TokensPerAddress=5", "--Limits:Window=3600");
        for (var i = 0; i < 5; i++)
            Assert.NotEqual(HttpStatusCode.TooManyRequests, (await server.RefreshesAsync("x")).Status);

        foreach (var answer in new[] { await server.RefreshesAsync("x"), await server.RevokesAsync("x"), await server.IntrospectsAsync("x"), await server.PostFormAsync("/connect/token", []), await server.PostFormAsync("/connect/par", []), await server.PostFormAsync("/connect/userinfo", []) })
        {
            answer.Refuses(HttpStatusCode.TooManyRequests, "temporarily_unavailable");
            Assert.InRange(answer.Message.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 3600);
        }
        // A made-up X-Forwarded-For or Forwarded header doesn't help.
        var spoofed = new HttpRequestMessage(HttpMethod.Post, "/connect/token") { Headers = { { "X-Forwarded-For", "203.0.113.7" }, { "Forwarded", "for=203.0.113.7" } } };
        Assert.Equal(HttpStatusCode.TooManyRequests, (await server.SendAsync(spoofed)).Status);
        // Requests of resource servers and probes still work.
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(new(HttpMethod.Get, "/.well-known/jwks"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(new(HttpMethod.Get, "/connect/revocations") { Headers = { Authorization = Calls.AsResourceApi } })).Status);
    }

    [Fact]
    public async Task Behind_a_known_proxy_the_callers_address_counts()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:TokensPerAddress=1", "--Limits:Window=3600", "--ForwardedHeaders:KnownProxies=127.0.0.1");

        foreach (var caller in new[] { "203.0.113.7", "203.0.113.8", "2001:db8:1::1", "2001:db8:2::1" })
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await server.SendAsync(From(caller))).Status);
            Assert.Equal(HttpStatusCode.TooManyRequests, (await server.SendAsync(From(caller))).Status);
        }
        // An IPv6 caller controls a whole network, which counts as one address.
        Assert.Equal(HttpStatusCode.TooManyRequests, (await server.SendAsync(From("2001:db8:1::2"))).Status);

        static HttpRequestMessage From(string address) => new(HttpMethod.Post, "/connect/token") { Headers = { { "X-Forwarded-For", address } } };
    }

    [Fact]
    public async Task Behind_a_chain_of_known_proxies_the_first_unlisted_hop_is_the_caller()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:TokensPerAddress=1", "--Limits:SignInsPerAddress=1", "--Limits:Window=3600", "--ForwardedHeaders:KnownProxies=127.0.0.1 10.0.0.0/8");

        foreach (var caller in new[] { "203.0.113.7", "203.0.113.8", "2001:db8:1::1" })
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await server.SendAsync(From($"{caller}, 10.0.0.7, 10.1.0.9"))).Status);
            Assert.Equal(HttpStatusCode.TooManyRequests, (await server.SendAsync(From($"{caller}, 10.0.0.7"))).Status);
            // Entries that the caller wrote itself are to the left of its address.
            Assert.Equal(HttpStatusCode.TooManyRequests, (await server.SendAsync(From($"198.51.100.1, 10.0.0.1, {caller}, 10.0.0.7"))).Status);
            Assert.Equal(HttpStatusCode.TooManyRequests, (await server.SendAsync(From($"nonsense, {caller}, 10.0.0.7"))).Status);
        }
        var signIn = From("198.51.100.1, 203.0.113.99, 10.0.0.7");
        signIn.RequestUri = new("/login", UriKind.Relative);
        signIn.Content = new StringContent("""{"username":"alice","password":"wrong"}""", System.Text.Encoding.UTF8, "application/json");
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.SendAsync(signIn)).Status);
        Assert.Equal("203.0.113.99", await server.ReadAsync<string>("SELECT host(remote_address) FROM audit_events ORDER BY at DESC LIMIT 1"));

        static HttpRequestMessage From(string addresses) => new(HttpMethod.Post, "/connect/token") { Headers = { { "X-Forwarded-For", addresses }, { "X-Forwarded-Proto", "gopher, http, https" } } };
    }

    [Fact]
    public async Task The_rate_limit_of_an_account_does_not_reveal_whether_it_exists()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAccount=3", "--Limits:Window=3600");
        var (known, unknown) = (new List<string>(), new List<string>());
        for (var i = 0; i < 5; i++)
        {
            known.Add((await server.SignsInAsync("ALICE", "wrong")).Error!);
            unknown.Add((await server.SignsInAsync("nobody", "wrong")).Error!);
        }

        Assert.Equal(["invalid_grant", "invalid_grant", "invalid_grant", "temporarily_unavailable", "temporarily_unavailable"], known);
        Assert.Equal(known, unknown);
        (await server.SignsInAsync("Ａlice", "wrong")).Refuses(HttpStatusCode.TooManyRequests, "temporarily_unavailable");
    }

    [Fact]
    public async Task Sign_ins_past_the_queue_are_503_and_do_not_slow_refreshes()
    {
        using var hashing = new SemaphoreSlim(0);
        await using var server = await ServerUnderTest.StartAsync(
            (WebApplicationBuilder builder) => builder.Services.AddSingleton<IPasswordHasher<User>>(new Slow(hashing)), "--Password:Parallelism=1", "--Password:QueueLength=1");
        hashing.Release(1);
        var refreshable = await server.SignsInAsync();
        var (first, second) = (server.SignsInAsync(), server.SignsInAsync());
        await Task.Delay(500);

        var third = await server.SignsInAsync();
        third.Refuses(HttpStatusCode.ServiceUnavailable, "temporarily_unavailable");
        Assert.NotNull(third.Message.Headers.RetryAfter?.Delta);
        Assert.Equal(HttpStatusCode.OK, (await server.RefreshesAsync(refreshable.RefreshToken)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop)).Status);

        hashing.Release(2);
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK], [(await first).Status, (await second).Status]);
        hashing.Release(1);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync()).Status);
    }

    /// <summary>Hashes users' passwords when the test lets it. Clients' secrets cost nothing here.</summary>
    private sealed class Slow(SemaphoreSlim allowed) : IPasswordHasher<User>
    {
        private readonly PasswordHasher<User> _hasher = new();

        public string HashPassword(User user, string password) => _hasher.HashPassword(user, password);

        public PasswordVerificationResult VerifyHashedPassword(User user, string hashedPassword, string providedPassword)
        {
            if (providedPassword == World.AlicePassword)
                allowed.Wait();
            // The test's hashes have few rounds; upgrading them is tested elsewhere.
            return _hasher.VerifyHashedPassword(user, hashedPassword, providedPassword) == PasswordVerificationResult.Failed ? PasswordVerificationResult.Failed : PasswordVerificationResult.Success;
        }
    }
}
