using System.Net;
using IdentityServer.Tests.Hosting;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class SignInTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory]
    [InlineData("/api/token")]
    [InlineData("/auth/token")]
    [InlineData("/login")]
    [InlineData("/auth/login")]
    public async Task A_right_password_gets_tokens(string path)
    {
        var answer = await _server.PostJsonAsync(path, new { username = World.Alice, password = World.AlicePassword });

        answer.Succeeds(HttpStatusCode.OK, "Access token generated successfully.");
        Assert.Equal(["access_token", "expires_in", "token_type", "refresh_token"], answer.Json.GetProperty("data").EnumerateObject().Select(member => member.Name));
        Assert.Equal(("3600", "Bearer"), (answer.Data("expires_in"), answer.Data("token_type")));
        var token = await _server.IntrospectsAsync(answer.Data("access_token"));
        Assert.Equal(("account-api", "data:read data:write offline_access"), (token["client_id"], token["scope"]));

        var refreshed = await _server.RefreshesAtAccountApiAsync(answer.Data("refresh_token"));
        Assert.Equal(HttpStatusCode.OK, refreshed.Status);
        Assert.True(await _server.IsLiveAsync(refreshed.AccessToken));
    }

    [Theory]
    [InlineData("""{"username":"ALICE","password":"correct horse battery staple"}""")]
    [InlineData("""{"username":"Ａlice","password":"correct horse battery staple"}""")]
    [InlineData("""{"username":"Alice@Example.com","password":"correct horse battery staple"}""")]
    [InlineData("""{"email":"alice@example.com","password":"correct horse battery staple"}""")]
    [InlineData("""{"username":"","email":"alice@example.com","password":"correct horse battery staple"}""")]
    public async Task A_user_name_or_address_is_found_in_any_spelling(string body) =>
        Assert.Equal(HttpStatusCode.OK, (await _server.PostJsonAsync("/login", body)).Status);

    [Fact]
    public async Task Unknown_wrong_locked_and_disabled_are_answered_with_the_same_bytes()
    {
        var locked = People.NewName();
        var disabled = People.NewName();
        await _server.RegistersAsync(locked);
        await _server.RegistersAsync(disabled);
        for (var guess = 0; guess < 10; guess++)
            await _server.LogsInAsync(locked, "wrong");
        await ExecuteAsync($"UPDATE users SET disabled_at = now() WHERE user_name = '{disabled}'");

        var answers = new[]
        {
            await _server.LogsInAsync("nobody-of-this-name"),
            await _server.LogsInAsync("nobody@example.com"),
            await _server.LogsInAsync(World.Alice, "wrong"),
            await _server.LogsInAsync(World.Alice, new string('x', 1000)),
            await _server.LogsInAsync(new string('x', 1000)),
            await _server.LogsInAsync(locked),
            await _server.LogsInAsync(disabled),
        };

        foreach (var answer in answers)
        {
            answer.IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
            Assert.Equal(answers[0].Body, answer.Body);
            Assert.Equal(HeadersOf(answers[0]), HeadersOf(answer));
        }
    }

    [Fact]
    public async Task The_account_api_has_no_password_grant_at_the_token_endpoint()
    {
        var answer = await _server.PostFormAsync("/connect/token", [("grant_type", "password"), ("client_id", "account-api"), ("username", World.Alice), ("password", World.AlicePassword)]);

        Assert.Equal("unauthorized_client", answer.Error);
    }

    [Theory]
    [InlineData("  spaces at both ends  ")]
    [InlineData("pässwörd mit Umlaut")]
    [InlineData("p\u0308assword decomposed")]
    [InlineData("👩‍👩‍👧‍👦 family of emoji")]
    [InlineData("exactly seventy-two bytes of a password, where others cut it off silent!")]
    [InlineData("exactly seventy-two bytes of a password, where others cut it off silent!x")]
    [InlineData("eighty bytes of a password: 1234567890 1234567890 1234567890 1234567890 12345678")]
    public async Task A_password_is_compared_exactly_as_typed(string password)
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name, password)).Status);

        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name, password)).Status);
        foreach (var other in (string[])[password.Trim() + "?", password[..^1], password.Normalize(System.Text.NormalizationForm.FormC) + " ", password.ToUpperInvariant()])
            (await _server.LogsInAsync(name, other)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_password_is_rehashed_at_sign_in_after_the_iterations_are_raised()
    {
        var name = People.NewName();
        await _server.RegistersAsync(name);
        var before = await HashOfAsync(name);

        await using var raised = await _server.StartNodeAsync("--Password:Iterations=2000");
        Assert.Equal(HttpStatusCode.OK, (await raised.LogsInAsync(name)).Status);

        var after = await HashOfAsync(name);
        Assert.NotEqual(before, after);
        // ASP.NET Core Identity's version 3: marker 1, PRF 2 is HMAC-SHA512, rounds.
        Assert.Equal("01000000020000" + "07D0", Convert.ToHexString(Convert.FromBase64String(after))[..18]);
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
    }

    private async Task<string> HashOfAsync(string name)
    {
        await using var source = NpgsqlDataSource.Create(_server.ConnectionString);
        await using var command = source.CreateCommand("SELECT password_hash FROM users WHERE user_name = $1");
        command.Parameters.Add(new() { Value = name });
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_server.ConnectionString);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static string HeadersOf(Answer answer) =>
        string.Join('\n', answer.Message.Headers.Concat(answer.Message.Content.Headers).Where(header => header.Key != "Date").Select(header => $"{header.Key}: {string.Join(',', header.Value)}"));
}
