using System.Net;
using IdentityServer.Jobs;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>A code is good for one exchange, by its client, with the parameters it was requested with.</summary>
public sealed class CodeRedemptionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Offline = "openid offline_access";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("6749", "4.1.2"), Rfc("9700", "4.5")]
    public async Task A_reused_code_ends_its_grant()
    {
        var alice = await _server.HasBrowserOfAsync();
        var code = await alice.GetsCodeAsync(CodeFlow.WebRequest(("scope", Offline)));
        var tokens = await _server.RedeemsAsync(code);
        var refreshed = await _server.RefreshesAsync(tokens.RefreshToken, CodeFlow.AsWeb);
        Assert.Equal(HttpStatusCode.OK, refreshed.Status);

        (await _server.RedeemsAsync(code)).Refuses("invalid_grant");

        Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(tokens.AccessToken)).Body);
        Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(refreshed.AccessToken)).Body);
        (await _server.RefreshesAsync(refreshed.RefreshToken, CodeFlow.AsWeb)).Refuses("invalid_grant");
        var grant = Around.Claims(tokens.AccessToken).GetProperty("grant_id").GetGuid();
        Assert.Equal(1, await _server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'authorization_code_reused' AND grant_id = $1 AND client_id = 'web'", grant));
        Assert.Contains(_server.Log.Lines, line => line.Contains($" 2102 The code of grant {grant}", StringComparison.Ordinal));
    }

    [Fact, Rfc("6749", "10.5")]
    public async Task Of_fifty_parallel_redemptions_one_succeeds_and_the_grant_ends()
    {
        var alice = await _server.HasBrowserOfAsync();
        var code = await alice.GetsCodeAsync(CodeFlow.WebRequest(("scope", Offline)));

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _server.RedeemsAsync(code)));

        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer != won), answer => answer.Refuses("invalid_grant"));
        (await _server.RefreshesAsync(won.RefreshToken, CodeFlow.AsWeb)).Refuses("invalid_grant");
        Assert.Equal("""{"active":false}""", (await _server.IntrospectsAsync(won.AccessToken)).Body);
    }

    [Fact, Rfc("8707", "2.2")]
    public async Task A_resource_outside_the_granted_scopes_is_an_invalid_target_and_does_not_spend_the_code()
    {
        var alice = await _server.HasBrowserOfAsync();
        var code = await alice.GetsCodeAsync(CodeFlow.PortalRequest(("scope", "openid profile")));
        (string, string)[] portal = [("client_id", World.Portal), ("client_secret", World.PortalSecret)];

        (await _server.RedeemsAsync(code, World.PortalCallback, more: [.. portal, ("resource", World.Resource)])).Refuses("invalid_target");
        Assert.Equal("openid profile", (await _server.RedeemsAsync(code, World.PortalCallback, more: portal))["scope"]);

        var reaching = await alice.GetsCodeAsync(CodeFlow.PortalRequest(("scope", "openid data:read")));
        Assert.Equal("openid data:read", (await _server.RedeemsAsync(reaching, World.PortalCallback, more: [.. portal, ("resource", World.Resource)]))["scope"]);
    }

    /// <summary>No timing: the second waits for the row that the first has locked, then checks again.</summary>
    [Fact, Rfc("6749", "4.1.2")]
    public async Task Of_two_redemptions_that_both_found_the_code_unspent_one_wins()
    {
        var alice = await _server.HasBrowserOfAsync();
        var code = await alice.GetsCodeAsync(CodeFlow.WebRequest());
        var grant = await _server.ReadIdAsync("SELECT id FROM grants WHERE client_id = 'web' ORDER BY id DESC LIMIT 1");
        var store = _server.Services.GetRequiredService<CodeStore>();
        var redemption = new Redemption(grant, World.Web, World.WebCallback, CodeFlow.Challenge, null, null, [], [], true, _server.Clock.GetUtcNow(), TimeSpan.FromDays(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1), World.SignInScopes);

        await using var holder = new NpgsqlConnection(_server.ConnectionString);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Around.Command(holder, "SELECT 1 FROM grants WHERE id = $1 FOR UPDATE", grant).ExecuteNonQueryAsync();
        var redemptions = new[] { store.TryRedeemAsync(redemption), store.TryRedeemAsync(redemption) };
        await Around.SoonAsync(async () => await _server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE grants%' AND pid <> pg_backend_pid()") == 2, "both redemptions wait for the row");
        await transaction.RollbackAsync();

        Assert.Single(await Task.WhenAll(redemptions), redeemed => redeemed is not null);
        (await _server.RedeemsAsync(code)).Refuses("invalid_grant");
    }

    [Fact, Rfc("7636", "4.6"), Rfc("6749", "4.1.3")]
    public async Task A_wrong_verifier_redirect_URI_or_client_is_refused_and_does_not_spend_the_code()
    {
        var alice = await _server.HasBrowserOfAsync();
        var code = await alice.GetsCodeAsync(CodeFlow.WebRequest());

        foreach (var verifier in new[] { null, "", "short", new string('v', 43), new string('v', 129), CodeFlow.Verifier + "!", CodeFlow.Challenge, CodeFlow.Verifier[..^1], CodeFlow.Verifier + "é" })
            (await _server.RedeemsAsync(code, verifier: verifier)).Refuses("invalid_grant");
        foreach (var callback in new[] { null, "", "https://web.example/other?fixed=1", "https://web.example/callback/", "https://evil.example" })
            (await _server.RedeemsAsync(code, callback)).Refuses("invalid_grant");
        (await _server.RedeemsAsync(code, more: [("client_id", World.Portal), ("client_secret", World.PortalSecret)])).Refuses("invalid_grant");
        (await _server.RedeemsAsync(code, more: [("client_id", World.Native)])).Refuses("invalid_grant");
        foreach (var forged in new[] { "x", code[..^1] + (code[^1] == 'A' ? 'E' : 'A'), new string('A', code.Length) })
            (await _server.RedeemsAsync(forged)).Refuses("invalid_grant");
        (await _server.RedeemsAsync(null)).Refuses("invalid_request");

        Assert.Equal(HttpStatusCode.OK, (await _server.RedeemsAsync(code)).Status);
    }

    [Fact, Rfc("9700", "2.1.1")]
    public async Task A_code_requested_without_a_challenge_is_refused_with_a_verifier()
    {
        var alice = await _server.HasBrowserOfAsync();
        var code = await alice.GetsCodeAsync(CodeFlow.PortalRequest(("code_challenge", null), ("code_challenge_method", null)));
        (string, string)[] client = [("client_id", World.Portal), ("client_secret", World.PortalSecret)];

        (await _server.RedeemsAsync(code, World.PortalCallback, more: client)).Refuses("invalid_grant");
        Assert.Equal(HttpStatusCode.OK, (await _server.RedeemsAsync(code, World.PortalCallback, verifier: null, more: client)).Status);
    }

    [Fact]
    public async Task A_code_is_not_accepted_as_a_refresh_token_nor_a_refresh_token_as_a_code()
    {
        var alice = await _server.HasBrowserOfAsync();
        var code = await alice.GetsCodeAsync(CodeFlow.WebRequest(("scope", Offline)));

        (await _server.RefreshesAsync(code, CodeFlow.AsWeb)).Refuses("invalid_grant");
        var tokens = await _server.RedeemsAsync(code);
        (await _server.RedeemsAsync(tokens.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(tokens.RefreshToken, CodeFlow.AsWeb)).Status);
    }

    [Fact, Rfc("OIDC Core", "11")]
    public async Task A_refresh_token_needs_offline_access()
    {
        var alice = await _server.HasBrowserOfAsync();

        Assert.Null((await alice.SignsInAtAsync(_server, CodeFlow.WebRequest())).RefreshToken);
        Assert.NotNull((await alice.SignsInAtAsync(_server, CodeFlow.WebRequest(("scope", Offline)))).RefreshToken);
    }

    [Fact, Rfc("6749", "4.1.2")]
    public async Task A_code_lives_for_a_minute()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var alice = await server.HasBrowserOfAsync();
        var (early, late) = (await alice.GetsCodeAsync(CodeFlow.WebRequest()), await alice.GetsCodeAsync(CodeFlow.WebRequest()));

        server.Clock.Advance(TimeSpan.FromSeconds(55));
        Assert.Equal(HttpStatusCode.OK, (await server.RedeemsAsync(early)).Status);
        server.Clock.Advance(TimeSpan.FromSeconds(6));
        (await server.RedeemsAsync(late)).Refuses("invalid_grant");
    }

    [Fact]
    public async Task A_grant_is_pruned_if_its_code_expires_unexchanged()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var alice = await server.HasBrowserOfAsync();
        await alice.GetsCodeAsync(CodeFlow.WebRequest());
        var kept = await alice.SignsInAtAsync(server, CodeFlow.WebRequest(("scope", Offline)));

        server.Clock.Advance(TimeSpan.FromSeconds(61));
        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);

        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
        Assert.Equal(HttpStatusCode.OK, (await server.RefreshesAsync(kept.RefreshToken, CodeFlow.AsWeb)).Status);
    }

    [Theory]
    [InlineData("UPDATE users SET disabled_at = now() WHERE user_name = $1")]
    [InlineData("UPDATE users SET security_stamp = 'another' WHERE user_name = $1")]
    [InlineData("UPDATE sessions SET ended_at = now() WHERE user_id = (SELECT id FROM users WHERE user_name = $1)")]
    public async Task No_code_is_issued_if_the_account_or_session_ended_while_the_page_was_open(string end)
    {
        var name = await _server.HasUserAsync();
        var browser = await _server.HasBrowserOfAsync(name);
        var page = await browser.AuthorizesAsync(CodeFlow.WebRequest());
        await _server.ExecuteAsync(end, name);

        var answer = await browser.PressAsync(page, "consent-allow");

        answer.AsksToSignIn();
    }

    [Fact]
    public async Task A_changed_password_ends_an_unexchanged_code()
    {
        var name = await _server.HasUserAsync();
        var code = await (await _server.HasBrowserOfAsync(name)).GetsCodeAsync(CodeFlow.WebRequest());
        await _server.ExecuteAsync("UPDATE users SET security_stamp = 'another' WHERE user_name = $1", name);

        (await _server.RedeemsAsync(code)).Refuses("invalid_grant");
    }

    [Fact]
    public async Task A_session_that_ends_while_its_code_is_written_leaves_no_grant_behind()
    {
        var name = await _server.HasUserAsync();
        var browser = await _server.HasBrowserOfAsync(name);
        await using var holder = new NpgsqlConnection(_server.ConnectionString);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Around.Command(holder, "UPDATE sessions SET ended_at = now() WHERE user_id = (SELECT id FROM users WHERE user_name = $1)", name).ExecuteNonQueryAsync();

        var answer = browser.AuthorizesAsync(CodeFlow.PortalRequest());
        await Around.SoonAsync(async () => await _server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO grants%' AND pid <> pg_backend_pid()") == 1, "the code waits for the session");
        await transaction.CommitAsync();

        (await answer).SendsBack("login_required", callback: World.PortalCallback);
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM grants WHERE subject = (SELECT id FROM users WHERE user_name = $1)", name));
    }
}
