using System.Collections.Concurrent;
using System.Net;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>These tests use the default lockout: ten wrong passwords, five minutes.</summary>
public sealed class PasswordGrantTests(PasswordGrantTests.CountedServer counted) : IClassFixture<PasswordGrantTests.CountedServer>
{
    private readonly ServerUnderTest _server = counted.Server;

    public static TheoryData<string> Passwords =>
    [
        new string('a', 71) + "b", new string('a', 72) + "b", new string('a', 73) + "c", new string('é', 64), " leading and trailing ", "tab\tand\nline", "pässwörd ☃ 😀🔑",
        "A\u030angstro\u0308m", "+%26&=%", "correct horse battery staple\u00a0", string.Concat(Enumerable.Repeat("😀", 128)), "null\u200bwidth",
    ];

    public static TheoryData<string, string> Names => new()
    {
        { "Ａlice2", "alice2" }, { "bob3", "BOB3" }, { "ÅNGSTRÖM", "a\u030angstro\u0308m" }, { "Μάϊος", "ΜΆΪΟΣ" }, { "Straße", "STRAßE" }, { "李小龍", "李小龍" }, { "user name", "User Name" }, { "ﬁona", "FIONA" },
    };

    [Theory, MemberData(nameof(Passwords))]
    public async Task A_password_must_match_exactly(string password)
    {
        var name = await _server.HasUserAsync(password);

        Assert.Equal(HttpStatusCode.OK, (await _server.SignsInAsync(name, password)).Status);
        foreach (var other in new[] { password + " ", " " + password, password[..^1], password.Trim(), password.ToUpperInvariant(), password.Normalize(), password.TrimEnd('b', 'c') })
        {
            if (other != password)
                (await _server.SignsInAsync(name, other)).Refuses("invalid_grant");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public async Task A_name_is_found_in_any_case_or_Unicode_form(string registered, string typed)
    {
        await _server.HasUserAsync(name: registered);

        foreach (var name in new[] { registered, typed, $"{typed}@EXAMPLE.com" })
            Assert.Equal(HttpStatusCode.OK, (await _server.SignsInAsync(name)).Status);
    }

    [Fact, Rfc("6749", "5.2")]
    public async Task A_wrong_password_and_an_unknown_disabled_or_locked_account_get_the_same_bytes()
    {
        var disabled = await _server.HasUserAsync();
        await _server.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE user_name = $1", disabled);
        var locked = await _server.HasUserAsync();
        for (var i = 0; i < 10; i++)
            await _server.SignsInAsync(locked, "wrong");
        var withoutPassword = await _server.HasUserAsync();
        await _server.ExecuteAsync("UPDATE users SET password_hash = NULL WHERE user_name = $1", withoutPassword);

        var wrong = await _server.SignsInAsync(await _server.HasUserAsync(), "wrong");

        wrong.Refuses("invalid_grant");
        foreach (var (name, password) in new[]
        {
            ("nobody", "wrong"), ("nobody@example.com", World.AlicePassword), (disabled, World.AlicePassword), (disabled, "wrong"), (locked, World.AlicePassword), (locked, "wrong"),
            (withoutPassword, World.AlicePassword), (World.Alice, new string('x', 129)), (World.Alice, new string('x', 20_000)), (new string('x', 20_000), "wrong"), (" " + World.Alice, World.AlicePassword),
            ("' OR 1=1 --", "x"), ("\ufffd", "x"), ("\u202ealice", World.AlicePassword), ("alice\u200b", World.AlicePassword),
        })
            Assert.Equal(wrong.Visible(), (await _server.SignsInAsync(name, password)).Visible());
    }

    [Fact, Rfc("6749", "4.3.2")]
    public async Task Name_and_password_are_required()
    {
        (string, string)[] grant = [("grant_type", "password")];
        (await _server.PostFormAsync("/connect/token", grant, Calls.AsShop)).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", [.. grant, ("username", World.Alice)], Calls.AsShop)).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", [.. grant, ("username", ""), ("password", "x")], Calls.AsShop)).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", [.. grant, ("username", World.Alice), ("password", "")], Calls.AsShop)).Refuses("invalid_request");
    }

    [Fact]
    public async Task A_refresh_token_needs_offline_access_and_the_refresh_grant()
    {
        await _server.ConfiguresAsync(db => db.Clients.Add(new ClientRow
        {
            ClientId = "no-refresh", AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("s")], GrantTypes = ["password"], Scopes = ["data:read", "offline_access"],
        }));

        Assert.Null((await _server.SignsInAsync(scope: "data:read")).RefreshToken);
        Assert.Null((await _server.SignsInAsync(client: Calls.Basic("no-refresh", "s"))).RefreshToken);
        Assert.NotNull((await _server.SignsInAsync(scope: "offline_access")).RefreshToken);
    }

    [Fact]
    public async Task Of_a_hundred_parallel_guesses_at_most_ten_are_compared()
    {
        var name = await _server.HasUserAsync();
        var hash = await HashOfAsync(name);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => _server.SignsInAsync(name, $"guess {i}")));

        Assert.All(answers, answer => answer.Refuses("invalid_grant"));
        Assert.Equal(10, counted.ComparedWith(hash));
        var during = await _server.SignsInAsync(name);
        Assert.Equal(answers[0].Visible(), during.Visible());
        Assert.Equal(10, counted.ComparedWith(hash));
    }

    [Fact]
    public async Task Parallel_sign_ins_with_the_right_password_lock_nobody_out()
    {
        // As on a machine with many cores: more passwords are hashed at once than may be wrong in a row.
        await using var server = await ServerUnderTest.StartAsync("--Password:Parallelism=32");
        var name = await server.HasUserAsync();
        for (var i = 0; i < 9; i++)
            (await server.SignsInAsync(name, "wrong")).Refuses("invalid_grant");

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => server.SignsInAsync(name)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
    }

    [Fact]
    public async Task A_lockout_ends_by_itself_and_resets_the_count()
    {
        var name = await _server.HasUserAsync();
        for (var i = 0; i < 10; i++)
            (await _server.SignsInAsync(name, "wrong")).Refuses("invalid_grant");
        (await _server.SignsInAsync(name)).Refuses("invalid_grant");

        _server.Clock.Advance(TimeSpan.FromSeconds(290));
        (await _server.SignsInAsync(name)).Refuses("invalid_grant");
        _server.Clock.Advance(TimeSpan.FromSeconds(11));

        (await _server.SignsInAsync(name, "wrong")).Refuses("invalid_grant");
        Assert.Equal(HttpStatusCode.OK, (await _server.SignsInAsync(name)).Status);
    }

    [Fact]
    public async Task A_right_password_resets_the_count()
    {
        var name = await _server.HasUserAsync();
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 9; i++)
                (await _server.SignsInAsync(name, "wrong")).Refuses("invalid_grant");
            Assert.Equal(HttpStatusCode.OK, (await _server.SignsInAsync(name)).Status);
        }
    }

    [Fact]
    public async Task A_lockout_refuses_only_passwords()
    {
        var name = await _server.HasUserAsync();
        var before = await _server.SignsInAsync(name);
        for (var i = 0; i < 10; i++)
            await _server.SignsInAsync(name, "wrong");

        (await _server.SignsInAsync(name)).Refuses("invalid_grant");
        Assert.Equal("True", (await _server.IntrospectsAsync(before.AccessToken))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(before.RefreshToken)).Status);
    }

    [Fact]
    public async Task Guesses_at_an_unknown_name_cost_as_much_as_at_a_known_one()
    {
        var before = counted.Compared;

        await _server.SignsInAsync("nobody at all", "wrong");

        Assert.Equal(1, counted.Compared - before);
    }

    [Fact]
    public async Task A_hash_with_fewer_rounds_is_upgraded_at_sign_in()
    {
        var name = await _server.HasUserAsync();
        var weak = new PasswordHasher<User>().HashPassword(new User(), World.AlicePassword);
        var old = new PasswordHasher<User>(Microsoft.Extensions.Options.Options.Create(new PasswordHasherOptions { CompatibilityMode = PasswordHasherCompatibilityMode.IdentityV2 })).HashPassword(new User(), World.AlicePassword);
        Assert.NotEqual(weak, old);
        await _server.ExecuteAsync("UPDATE users SET password_hash = $1 WHERE user_name = $2", old, name);

        Assert.Equal(HttpStatusCode.OK, (await _server.SignsInAsync(name)).Status);

        Assert.NotEqual(old, await HashOfAsync(name));
        Assert.Equal(HttpStatusCode.OK, (await _server.SignsInAsync(name)).Status);
    }

    private Task<string> HashOfAsync(string name) => _server.ReadAsync<string>("SELECT password_hash FROM users WHERE user_name = $1", name);

    /// <summary>A server that counts the comparisons with each hash.</summary>
    public sealed class CountedServer : IAsyncLifetime
    {
        private readonly ConcurrentDictionary<string, int> _compared = new();

        internal ServerUnderTest Server { get; private set; } = null!;

        public int Compared => _compared.Values.Sum();

        public int ComparedWith(string hash) => _compared.GetValueOrDefault(hash);

        public async ValueTask InitializeAsync() => Server = await ServerUnderTest.StartAsync((WebApplicationBuilder builder) =>
        {
            builder.Services.AddSingleton<PasswordHasher<User>>();
            builder.Services.AddSingleton<IPasswordHasher<User>>(services => new Counting(services.GetRequiredService<PasswordHasher<User>>(), _compared));
        });

        public async ValueTask DisposeAsync() => await Server.DisposeAsync();
    }

    private sealed class Counting(PasswordHasher<User> hasher, ConcurrentDictionary<string, int> compared) : IPasswordHasher<User>
    {
        public string HashPassword(User user, string password) => hasher.HashPassword(user, password);

        public PasswordVerificationResult VerifyHashedPassword(User user, string hashedPassword, string providedPassword)
        {
            compared.AddOrUpdate(hashedPassword, 1, (_, count) => count + 1);
            return hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
        }
    }
}
