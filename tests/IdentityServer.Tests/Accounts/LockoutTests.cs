using System.Collections.Concurrent;
using System.Net;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>The lockout counts failures on all routes that take a password together.</summary>
public sealed class LockoutTests(LockoutTests.CountingServer counting) : IClassFixture<LockoutTests.CountingServer>
{
    private readonly ServerUnderTest _server = counting.Server;

    [Fact]
    public async Task At_most_ten_of_a_hundred_parallel_guesses_on_all_routes_are_compared()
    {
        var name = People.NewName();
        await _server.RegistersAsync(name);
        var session = (await _server.LogsInAsync(name)).Data("access_token");
        counting.Compared.Clear();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => (i % 4) switch
        {
            0 => _server.LogsInAsync(name, $"guess {i}"),
            1 => _server.PostJsonAsync("/api/token", new { email = People.EmailOf(name), password = $"guess {i}" }),
            2 => _server.SignsInAsync(name, $"guess {i}"),
            _ => _server.ChangesPasswordAsync(session, $"guess {i}", "spring tide 100"),
        }));

        Assert.All(answers, answer => Assert.True(answer["code"] == "INVALID_CREDENTIALS" || answer.Error == "invalid_grant", answer.Body));
        // Guesses past the limit are compared with a dummy hash, so that they take as long.
        var hash = await _server.ReadAsync<string>("SELECT password_hash FROM users WHERE user_name = $1", name);
        Assert.Equal(10, counting.Compared.Count(compared => compared == hash));
        Assert.Equal(100, counting.Compared.Count);
        (await _server.LogsInAsync(name)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Guesses_at_the_current_password_lock_the_account()
    {
        var name = People.NewName();
        await _server.RegistersAsync(name);
        var session = (await _server.LogsInAsync(name)).Data("access_token");
        for (var guess = 0; guess < 10; guess++)
            await _server.ChangesPasswordAsync(session, "wrong", "spring tide 100");

        (await _server.ChangesPasswordAsync(session, People.Password, "spring tide 100")).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
        (await _server.LogsInAsync(name)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
        // A lockout signs nobody out: it refuses passwords only.
        Assert.True(await _server.IsLiveAsync(session));
    }

    [Fact]
    public async Task A_right_current_password_resets_the_count()
    {
        var name = People.NewName();
        await _server.RegistersAsync(name);
        var session = (await _server.LogsInAsync(name)).Data("access_token");
        for (var guess = 0; guess < 9; guess++)
            await _server.LogsInAsync(name, "wrong");
        Assert.Equal(HttpStatusCode.OK, (await _server.ChangesPasswordAsync(session, People.Password, "spring tide 100")).Status);
        for (var guess = 0; guess < 9; guess++)
            await _server.LogsInAsync(name, "wrong");

        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name, "spring tide 100")).Status);
    }

    [Fact]
    public async Task A_lockout_ends_by_itself()
    {
        await using var server = await ServerUnderTest.StartAsync();
        for (var guess = 0; guess < 10; guess++)
            await server.LogsInAsync(World.Alice, "wrong");
        (await server.LogsInAsync(World.Alice, World.AlicePassword)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);

        server.Clock.Advance(TimeSpan.FromSeconds(301));

        Assert.Equal(HttpStatusCode.OK, (await server.LogsInAsync(World.Alice, World.AlicePassword)).Status);
    }

    [Fact]
    public async Task A_password_over_the_limit_is_refused_before_any_hashing()
    {
        counting.Compared.Clear();

        (await _server.LogsInAsync(World.Alice, new string('x', 129))).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);

        Assert.Empty(counting.Compared);
    }

    [Fact]
    public async Task When_too_many_wait_for_a_hash_the_answer_is_503()
    {
        await using var server = await ServerUnderTest.StartAsync("--Password:Parallelism=1", "--Password:QueueLength=1", "--Password:Iterations=400000");

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => server.RegistersAsync($"busy{i}")));

        Assert.Contains(answers, answer => answer.Status == HttpStatusCode.Created);
        var busy = answers.Where(answer => answer.Status != HttpStatusCode.Created).ToList();
        Assert.NotEmpty(busy);
        foreach (var answer in busy)
        {
            answer.IsRefused("SERVICE_UNAVAILABLE", HttpStatusCode.ServiceUnavailable);
            Assert.NotNull(answer.Message.Headers.RetryAfter);
        }
    }

    /// <summary>A server that records the hashes that passwords were compared with.</summary>
    public sealed class CountingServer : IAsyncLifetime
    {
        private ServerUnderTest? _server;

        internal ServerUnderTest Server => _server!;

        internal ConcurrentBag<string> Compared { get; } = [];

        public async ValueTask InitializeAsync() => _server = await ServerUnderTest.StartAsync((WebApplicationBuilder builder) =>
            builder.Services.AddSingleton<IPasswordHasher<User>>(provider => new CountingHasher(
                ActivatorUtilities.CreateInstance<PasswordHasher<User>>(provider), Compared)));

        public async ValueTask DisposeAsync()
        {
            if (_server is not null)
                await _server.DisposeAsync();
        }
    }

    private sealed class CountingHasher(PasswordHasher<User> hasher, ConcurrentBag<string> compared) : IPasswordHasher<User>
    {
        public string HashPassword(User user, string password) => hasher.HashPassword(user, password);

        public PasswordVerificationResult VerifyHashedPassword(User user, string hashedPassword, string providedPassword)
        {
            // The same hasher checks client secrets: those are not counted.
            if (providedPassword != World.ShopSecret)
                compared.Add(hashedPassword);
            return hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
        }
    }
}
