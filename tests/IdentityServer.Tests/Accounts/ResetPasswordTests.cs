using System.Net;
using Dpop;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using IdentityServer.Tests.Protocol;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class ResetPasswordTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private const string NewPassword = "spring tide 100";

    private readonly ServerUnderTest _server = shared.Server;
    private readonly Inbox _inbox = shared.Inbox;

    [Fact]
    public async Task A_reset_sets_the_password_and_ends_every_grant()
    {
        var name = await NewAccountAsync();
        var email = People.EmailOf(name);
        var before = new[] { await _server.LogsInAsync(name), await _server.LogsInAsync(name) };
        var atShop = await _server.SignsInAsync(name, People.Password);

        var asked = await _server.AsksForResetAsync(email);
        var token = People.TokenOf(await _inbox.NextAsync(email));
        var reset = await _server.ResetsAsync(email, token, NewPassword);

        asked.Succeeds(HttpStatusCode.Accepted, "If an account with this e-mail address exists, a message with a reset token is on its way.");
        reset.Succeeds(HttpStatusCode.OK, "Password reset successfully.");
        foreach (var session in before)
        {
            Assert.False(await _server.IsLiveAsync(session.Data("access_token")));
            Assert.Equal("invalid_grant", (await _server.RefreshesAtAccountApiAsync(session.Data("refresh_token"))).Error);
        }
        Assert.False(await _server.IsLiveAsync(atShop.AccessToken));
        (await _server.LogsInAsync(name)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);

        // Even in the same second.
        var after = await _server.LogsInAsync(name, NewPassword);
        Assert.True(await _server.IsLiveAsync(after.Data("access_token")));
    }

    [Fact]
    public async Task A_token_works_once()
    {
        var email = People.EmailOf(await NewAccountAsync());
        var token = await AskAsync(email);
        Assert.Equal(HttpStatusCode.OK, (await _server.ResetsAsync(email, token, NewPassword)).Status);

        (await _server.ResetsAsync(email, token, NewPassword)).IsRefused("INVALID_RESET_TOKEN");
    }

    [Fact]
    public async Task Only_one_of_several_parallel_resets_with_one_token_wins()
    {
        var email = People.EmailOf(await NewAccountAsync());
        var token = await AskAsync(email);

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => _server.ResetsAsync(email, token, $"{NewPassword} {i}")));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        foreach (var answer in answers.Where(answer => answer.Status != HttpStatusCode.OK))
            answer.IsRefused("INVALID_RESET_TOKEN");
    }

    [Fact]
    public async Task A_newer_token_replaces_the_older_one()
    {
        var email = People.EmailOf(await NewAccountAsync());
        var older = await AskAsync(email);
        var newer = await AskAsync(email);

        (await _server.ResetsAsync(email, older, NewPassword)).IsRefused("INVALID_RESET_TOKEN");
        Assert.Equal(HttpStatusCode.OK, (await _server.ResetsAsync(email, newer, NewPassword)).Status);
    }

    [Fact]
    public async Task A_token_expires()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting, "--ResetTokens:Lifetime=600");
        await server.AsksForResetAsync(World.AliceEmail);
        var token = People.TokenOf(await inbox.NextAsync(World.AliceEmail));
        server.Clock.Advance(TimeSpan.FromSeconds(601));

        (await server.ResetsAsync(World.AliceEmail, token, NewPassword)).IsRefused("INVALID_RESET_TOKEN");
    }

    [Fact]
    public async Task A_token_works_for_its_own_account_only()
    {
        var mine = People.EmailOf(await NewAccountAsync());
        var token = await AskAsync(mine);

        (await _server.ResetsAsync(World.AliceEmail, token, NewPassword)).IsRefused("INVALID_RESET_TOKEN");

        Assert.Equal(HttpStatusCode.OK, (await _server.ResetsAsync(mine, token, NewPassword)).Status);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("ÄÖÜ?!")]
    public async Task A_wrong_token_is_refused(string token)
    {
        (await _server.ResetsAsync(World.AliceEmail, token, NewPassword)).IsRefused("INVALID_RESET_TOKEN");
        (await _server.ResetsAsync("nobody@example.com", token, NewPassword)).IsRefused("INVALID_RESET_TOKEN");
    }

    [Fact]
    public async Task A_bad_new_password_does_not_spend_the_token()
    {
        var email = People.EmailOf(await NewAccountAsync());
        var token = await AskAsync(email);

        (await _server.ResetsAsync(email, token, "short")).IsRefused("INVALID_PASSWORD");
        (await _server.ResetsAsync(email, token, "password123")).IsRefused("INVALID_PASSWORD");

        Assert.Equal(HttpStatusCode.OK, (await _server.ResetsAsync(email, token, NewPassword)).Status);
    }

    [Fact]
    public async Task The_answer_is_the_same_whether_or_not_the_account_exists()
    {
        var answers = new[]
        {
            await _server.AsksForResetAsync(World.AliceEmail),
            await _server.AsksForResetAsync("nobody@example.com"),
            await _server.AsksForResetAsync("no address at all"),
            await _server.AsksForResetAsync(new string('x', 10_000)),
        };

        Assert.All(answers, answer => Assert.Equal(answers[0].Visible(), answer.Visible()));
    }

    [Fact]
    public async Task An_unknown_or_disabled_user_gets_no_message()
    {
        var name = await NewAccountAsync();
        await _server.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE user_name = $1", name);
        var known = People.EmailOf(await NewAccountAsync());

        await _server.AsksForResetAsync("nobody@example.com");
        await _server.AsksForResetAsync(People.EmailOf(name));
        await _server.AsksForResetAsync(known);
        await _inbox.NextAsync(known);
        await Task.Delay(200);

        foreach (var file in _inbox.Files())
        {
            var text = await File.ReadAllTextAsync(file);
            Assert.DoesNotContain("nobody@example.com", text, StringComparison.Ordinal);
            Assert.DoesNotContain(People.EmailOf(name), text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_message_goes_to_the_registered_address_however_the_request_spells_it()
    {
        var email = People.EmailOf(await NewAccountAsync());

        await _server.AsksForResetAsync(email.ToUpperInvariant());
        var message = await _inbox.NextAsync(email);

        Assert.Contains($"To: {email}", message, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await _server.ResetsAsync(email.ToUpperInvariant(), People.TokenOf(message), NewPassword)).Status);
    }

    [Fact]
    public async Task A_poisoned_host_does_not_reach_the_message()
    {
        var email = People.EmailOf(await NewAccountAsync());
        using var request = new HttpRequestMessage(HttpMethod.Post, "/auth/reset_password")
        {
            Content = new StringContent($$"""{"email":"{{email}}"}""", System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Host = "evil.example";
        request.Headers.Add("X-Forwarded-Host", "evil.example");
        request.Headers.Add("X-Forwarded-For", "192.0.2.1");
        request.Headers.Add("Forwarded", "host=evil.example");
        request.Headers.Referrer = new Uri("http://evil.example/");

        Assert.Equal(HttpStatusCode.Accepted, (await _server.SendAsync(request)).Status);

        var message = await _inbox.NextAsync(email);
        Assert.DoesNotContain("evil", message, StringComparison.Ordinal);
        Assert.Contains("http://localhost:5000/auth/reset_password", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reset_lifts_a_lockout()
    {
        var name = await NewAccountAsync();
        var token = await AskAsync(People.EmailOf(name));
        for (var guess = 0; guess < 10; guess++)
            await _server.LogsInAsync(name, "wrong");

        await _server.ResetsAsync(People.EmailOf(name), token, NewPassword);

        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name, NewPassword)).Status);
    }

    [Fact]
    public async Task A_password_change_cancels_a_requested_reset()
    {
        var name = await NewAccountAsync();
        var token = await AskAsync(People.EmailOf(name));
        var session = await _server.LogsInAsync(name);
        await _server.ChangesPasswordAsync(session.Data("access_token"), People.Password, NewPassword);

        (await _server.ResetsAsync(People.EmailOf(name), token, NewPassword)).IsRefused("INVALID_RESET_TOKEN");
    }

    [Fact]
    public async Task The_database_holds_no_usable_token()
    {
        var email = People.EmailOf(await NewAccountAsync());
        var token = await AskAsync(email);
        Assert.True(StrictBase64Url.TryDecode(token, out var bytes));

        var stored = await _server.ReadAsync<string>("SELECT encode(token_hash, 'hex') FROM reset_tokens r JOIN users u ON u.id = r.user_id WHERE u.email = $1", email);

        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes!)), stored);
        Assert.Equal(32, bytes!.Length);
    }

    [Fact]
    public async Task A_reset_ends_all_grants_with_one_entry_in_the_feed()
    {
        var name = await NewAccountAsync();
        for (var i = 0; i < 5; i++)
            await _server.LogsInAsync(name);
        var token = await AskAsync(People.EmailOf(name));
        var before = await _server.ReadAsync<long>("SELECT count(*) FROM revocations");

        await _server.ResetsAsync(People.EmailOf(name), token, NewPassword);

        Assert.Equal(before + 1, await _server.ReadAsync<long>("SELECT count(*) FROM revocations"));
    }

    private async Task<string> AskAsync(string email)
    {
        await _server.AsksForResetAsync(email);
        return People.TokenOf(await _inbox.NextAsync(email));
    }

    private async Task<string> NewAccountAsync()
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name)).Status);
        return name;
    }
}
