using System.Globalization;
using System.Net;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class AccountLimitsTests
{
    [Fact]
    public async Task Registrations_are_limited_by_address()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:RegistrationsPerAddress=3");

        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.Created, (await server.RegistersAsync(People.NewName())).Status);

        Refuses(await server.RegistersAsync(People.NewName()));
        Refuses(await server.PostJsonAsync("/api/register", new { }));
    }

    [Fact]
    public async Task Sign_ins_are_limited_by_account_whether_or_not_it_exists()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAccount=3");

        foreach (var name in (string[])[World.Alice, "nobody"])
        {
            for (var i = 0; i < 3; i++)
                Assert.NotEqual(HttpStatusCode.TooManyRequests, (await server.LogsInAsync(i == 1 ? name.ToUpperInvariant() : name, World.AlicePassword)).Status);
            Refuses(await server.LogsInAsync(name, World.AlicePassword));
        }
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.LogsInAsync("somebody else")).Status);
    }

    [Fact]
    public async Task Sign_ins_are_limited_by_address()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAddress=3");

        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await server.LogsInAsync($"name{i}")).Status);

        Refuses(await server.LogsInAsync("name4"));
    }

    [Fact]
    public async Task Guesses_at_the_current_password_are_limited_like_sign_ins()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAccount=3");
        var session = await server.LogsInAsync(World.Alice, World.AlicePassword);

        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await server.ChangesPasswordAsync(session.Data("access_token"), "wrong", People.Password)).Status);

        Refuses(await server.ChangesPasswordAsync(session.Data("access_token"), World.AlicePassword, People.Password));
    }

    [Theory]
    [InlineData("/logout")]
    [InlineData("/auth/logout")]
    public async Task Sign_outs_are_limited_by_address(string path)
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:TokensPerAddress=3");
        var session = await server.LogsInAsync(World.Alice, World.AlicePassword);

        for (var i = 0; i < 3; i++)
            (await server.PostJsonAsync(path, "", "garbage")).IsRefused("INVALID_TOKEN", HttpStatusCode.Unauthorized);
        Refuses(await server.PostJsonAsync(path, "", session.Data("access_token")));
    }

    [Fact]
    public async Task Sign_outs_are_limited_by_account()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAccount=3");
        var bobs = await server.RegistersAsync(People.NewName());
        var sessions = new List<Answer>();
        for (var i = 0; i < 3; i++)
            sessions.Add(await server.LogsInAsync(World.Alice, World.AlicePassword));

        foreach (var session in sessions)
            Assert.Equal(HttpStatusCode.OK, (await server.LogsOutAsync(session.Data("access_token"))).Status);
        // By her other name: sign-ins are counted by what was typed, sign-outs by whose the token is.
        var fourth = await server.LogsInAsync(World.AliceEmail, World.AlicePassword);
        Refuses(await server.LogsOutAsync(fourth.Data("access_token")));
        Assert.Equal(HttpStatusCode.OK, (await server.LogsOutAsync(bobs.Data("access_token"))).Status);
    }

    [Fact]
    public async Task Resets_are_limited_by_account_whether_or_not_it_exists()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:ResetsPerAccount=2");

        foreach (var email in (string[])[World.AliceEmail, "nobody@example.com"])
        {
            for (var i = 0; i < 2; i++)
                Assert.Equal(HttpStatusCode.Accepted, (await server.AsksForResetAsync(email)).Status);
            Refuses(await server.AsksForResetAsync(email));
        }
    }

    [Fact]
    public async Task Guesses_at_reset_tokens_are_limited_by_address()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:ResetsPerAddress=2");

        for (var i = 0; i < 2; i++)
            (await server.ResetsAsync(World.AliceEmail, "x", People.Password)).IsRefused("INVALID_RESET_TOKEN");
        Refuses(await server.ResetsAsync(World.AliceEmail, "x", People.Password));
    }

    private static void Refuses(Answer answer)
    {
        answer.IsRefused("TOO_MANY_REQUESTS", HttpStatusCode.TooManyRequests);
        Assert.InRange(int.Parse(answer.Message.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture), 1, 60);
    }
}
