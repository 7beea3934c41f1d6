using System.Net;
using IdentityServer.Jobs;
using IdentityServer.Keys;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Audit;

/// <summary>Each event of the catalogue is recorded once, with user, client, address and reason.</summary>
public sealed class AuditEventTests(AuditServer audited) : IClassFixture<AuditServer>
{
    private const string AccountApi = "account-api";

    private readonly ServerUnderTest _server = audited.Server;

    [Fact]
    public async Task A_registration_and_its_first_sign_in_are_recorded()
    {
        var after = await LastAsync();

        var registered = await _server.RegistersAsync(People.NewName());
        await _server.RegistersAsync(registered.Data("username")!);

        var user = Guid.Parse(registered.Data("user_id")!);
        Assert.Equal(
            [
                new("user_registered", user, AccountApi, null, AuditServer.Address, null),
                new("sign_in_succeeded", user, AccountApi, GrantOf(registered.Data("access_token")), AuditServer.Address, "registration"),
            ],
            await _server.TrailAsync(after));
    }

    [Fact]
    public async Task A_sign_in_is_recorded_but_refreshes_client_tokens_and_introspections_are_not()
    {
        var name = await _server.HasUserAsync();
        var user = await IdOfAsync(name);
        var after = await LastAsync();

        var atClient = await _server.SignsInAsync(name);
        var atAccountApi = await _server.LogsInAsync(name, World.AlicePassword);
        // A refresh, its retry, a refresh of the successor, a client's own token, an introspection.
        await _server.RefreshesAsync(atClient.RefreshToken);
        await _server.RefreshesAsync((await _server.RefreshesAsync(atClient.RefreshToken)).RefreshToken);
        await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        await _server.IntrospectsAsync(atClient.AccessToken);

        Assert.Equal(
            [
                new("sign_in_succeeded", user, World.Shop, GrantOf(atClient.AccessToken), AuditServer.Address, null),
                new("sign_in_succeeded", user, AccountApi, GrantOf(atAccountApi.Data("access_token")), AuditServer.Address, null),
            ],
            await _server.TrailAsync(after));
    }

    [Fact]
    public async Task A_wrong_password_is_recorded_for_an_account_and_never_for_an_unknown_name()
    {
        var name = await _server.HasUserAsync();
        var user = await IdOfAsync(name);
        var after = await LastAsync();

        await _server.SignsInAsync(name, "wrong");
        await _server.LogsInAsync(name.ToUpperInvariant(), "wrong");
        await _server.PostJsonAsync("/login", new { email = People.EmailOf(name), password = "wrong" });
        await _server.SignsInAsync("my password, typed into the wrong field", "x");
        await _server.LogsInAsync("nobody@example.com", "x");
        await _server.SignsInAsync(name, new string('x', 200));

        Assert.Equal(
            [Failed(World.Shop, "wrong_password"), Failed(AccountApi, "wrong_password"), Failed(AccountApi, "wrong_password")],
            await _server.TrailAsync(after));
        Told Failed(string client, string reason) => new("sign_in_failed", user, client, null, AuditServer.Address, reason);
    }

    [Fact]
    public async Task A_lockout_is_recorded_once_and_each_refusal_with_its_reason()
    {
        var name = await _server.HasUserAsync();
        var user = await IdOfAsync(name);
        var after = await LastAsync();

        for (var guess = 0; guess < 11; guess++)
            await _server.SignsInAsync(name, "wrong");
        await _server.SignsInAsync(name);

        Assert.Equal(
            [
                .. Enumerable.Repeat(Of("sign_in_failed", "wrong_password"), 10),
                Of("account_locked", null),
                Of("sign_in_failed", "locked"),
                Of("sign_in_failed", "locked"),
            ],
            await _server.TrailAsync(after));
        Told Of(string what, string? reason) => new(what, user, World.Shop, null, AuditServer.Address, reason);
    }

    [Fact]
    public async Task A_right_password_at_the_last_allowed_guess_locks_nobody()
    {
        await using var server = await ServerUnderTest.StartAsync("--Lockout:MaxFailures=1");

        await server.SignsInAsync();

        Assert.Equal("sign_in_succeeded", Assert.Single(await server.TrailAsync()).Event);
    }

    [Fact]
    public async Task A_sign_in_at_a_disabled_account_is_recorded_with_that_reason()
    {
        var name = await _server.HasUserAsync();
        await _server.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE user_name = $1", name);
        var after = await LastAsync();

        await _server.SignsInAsync(name);

        Assert.Equal(new("sign_in_failed", await IdOfAsync(name), World.Shop, null, AuditServer.Address, "disabled"), Assert.Single(await _server.TrailAsync(after)));
    }

    [Fact]
    public async Task A_sign_in_refused_by_a_rate_limit_is_not_recorded()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAccount=2");

        for (var guess = 0; guess < 5; guess++)
            await server.SignsInAsync(World.Alice, "wrong");

        Assert.Equal(2, (await server.TrailAsync()).Count);
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task A_revoked_grant_is_recorded_once_with_its_client()
    {
        var signedIn = await _server.SignsInAsync();
        var after = await LastAsync();

        await _server.RevokesAsync(signedIn.RefreshToken, Calls.AsRival);
        await _server.RevokesAsync(signedIn.RefreshToken);
        await _server.RevokesAsync(signedIn.RefreshToken);
        await _server.RevokesAsync("unknown");

        Assert.Equal(new("grant_ended", await IdOfAsync(World.Alice), World.Shop, GrantOf(signedIn.AccessToken), AuditServer.Address, "revoked"), Assert.Single(await _server.TrailAsync(after)));
    }

    [Fact, Rfc("7009", "2.1")]
    public async Task A_revoked_access_token_is_recorded_once()
    {
        var signedIn = await _server.SignsInAsync();
        var own = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        var after = await LastAsync();

        await _server.RevokesAsync(signedIn.AccessToken, Calls.AsRival);
        await _server.RevokesAsync(signedIn.AccessToken);
        await _server.RevokesAsync(signedIn.AccessToken);
        await _server.RevokesAsync(own.AccessToken);

        Assert.Equal(
            [
                new("token_revoked", await IdOfAsync(World.Alice), World.Shop, GrantOf(signedIn.AccessToken), AuditServer.Address, "revoked"),
                new("token_revoked", null, World.Shop, null, AuditServer.Address, "revoked"),
            ],
            await _server.TrailAsync(after));
    }

    [Fact]
    public async Task A_sign_out_is_recorded_once()
    {
        var signedIn = await _server.SignsInAsync();
        var own = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        var after = await LastAsync();

        await _server.LogsOutAsync(signedIn.AccessToken);
        await _server.LogsOutAsync(signedIn.AccessToken);
        await _server.LogsOutAsync(own.AccessToken);

        Assert.Equal(
            [
                new("grant_ended", await IdOfAsync(World.Alice), World.Shop, GrantOf(signedIn.AccessToken), AuditServer.Address, "logout"),
                new("token_revoked", null, World.Shop, null, AuditServer.Address, "logout"),
            ],
            await _server.TrailAsync(after));
    }

    [Fact, Rfc("9700", "4.14.2")]
    public async Task A_reused_refresh_token_is_recorded_once()
    {
        var signedIn = await _server.SignsInAsync();
        await _server.RefreshesAsync((await _server.RefreshesAsync(signedIn.RefreshToken)).RefreshToken);
        var after = await LastAsync();

        await _server.RefreshesAsync(signedIn.RefreshToken);
        await _server.RefreshesAsync(signedIn.RefreshToken);

        Assert.Equal(new("refresh_token_reused", await IdOfAsync(World.Alice), World.Shop, GrantOf(signedIn.AccessToken), AuditServer.Address, null), Assert.Single(await _server.TrailAsync(after)));
    }

    [Fact]
    public async Task Batched_revocations_are_each_audited_with_their_own_client_and_address()
    {
        const int many = 12;
        var expected = new List<Told>();
        var signedIn = new List<(Answer Answer, System.Net.Http.Headers.AuthenticationHeaderValue Client)>();
        for (var i = 0; i < many; i++)
        {
            var client = i % 2 == 0 ? Calls.AsShop : Calls.AsRival;
            signedIn.Add((await _server.SignsInAsync(client: client), client));
            expected.Add(new("grant_ended", await IdOfAsync(World.Alice), i % 2 == 0 ? World.Shop : World.Rival, GrantOf(signedIn[i].Answer.AccessToken), $"198.51.100.{i}", "revoked"));
        }
        var after = await LastAsync();
        await using var connection = new NpgsqlConnection(_server.ConnectionString);
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        await Around.Command(connection, "LOCK TABLE grants IN ACCESS EXCLUSIVE MODE").ExecuteNonQueryAsync();
        using var direct = new HttpClient { BaseAddress = _server.Address };

        var revocations = signedIn.Select((before, i) =>
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/connect/revoke") { Content = new FormUrlEncodedContent([KeyValuePair.Create("token", before.Answer.RefreshToken!)]) };
            request.Headers.Authorization = before.Client;
            request.Headers.Add("X-Forwarded-For", $"198.51.100.{i}");
            return direct.SendAsync(request);
        }).ToList();
        await Around.SoonAsync(
            async () => await _server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, 'FROM unnest($1::uuid[], $2::timestamptz[]') > 0 AND pid <> pg_backend_pid()") > 0,
            "the revocations wait together");
        await transaction.RollbackAsync();

        Assert.All(await Task.WhenAll(revocations), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Equal(expected.OrderBy(told => told.GrantId), (await _server.TrailAsync(after)).OrderBy(told => told.GrantId));
    }

    [Fact]
    public async Task A_changed_password_and_a_wrong_current_one_are_recorded()
    {
        var name = await _server.HasUserAsync();
        var user = await IdOfAsync(name);
        var (other, session) = (await _server.SignsInAsync(name), (await _server.LogsInAsync(name, World.AlicePassword)).Data("access_token"));
        var after = await LastAsync();

        await _server.ChangesPasswordAsync(session, "wrong", "spring tide 100");
        Assert.Equal(HttpStatusCode.OK, (await _server.ChangesPasswordAsync(session, World.AlicePassword, "spring tide 100")).Status);

        Assert.False(await _server.IsLiveAsync(other.AccessToken));
        Assert.Equal(
            [
                new("sign_in_failed", user, AccountApi, null, AuditServer.Address, "wrong_password"),
                new("password_changed", user, AccountApi, GrantOf(session), AuditServer.Address, null),
            ],
            await _server.TrailAsync(after));
    }

    [Fact]
    public async Task A_reset_is_recorded_when_it_is_requested_and_when_it_is_done()
    {
        var name = await _server.HasUserAsync();
        var (user, email) = (await IdOfAsync(name), People.EmailOf(name));
        var after = await LastAsync();

        await _server.AsksForResetAsync("nobody@example.com");
        await _server.AsksForResetAsync(email);
        var token = People.TokenOf(await audited.Inbox.NextAsync(email));
        await _server.ResetsAsync(email, new string('A', 43), "spring tide 100");
        Assert.Equal(HttpStatusCode.OK, (await _server.ResetsAsync(email, token, "spring tide 100")).Status);
        await _server.ResetsAsync(email, token, "spring tide 100");

        Assert.Equal(
            [
                new("password_reset_requested", user, AccountApi, null, AuditServer.Address, null),
                new("password_reset", user, AccountApi, null, AuditServer.Address, null),
            ],
            await _server.TrailAsync(after));
    }

    [Fact]
    public async Task A_reset_whose_message_takes_more_than_one_attempt_is_recorded_once()
    {
        await using var smtp = new MailServer();
        await using var server = await ServerUnderTest.StartAsync("--Smtp:Host=127.0.0.1", $"--Smtp:Port={smtp.Port}");

        await server.AsksForResetAsync(World.AliceEmail);
        await Around.SoonAsync(() => Task.FromResult(server.Log.Lines.Any(line => line.Contains("could not be sent at attempt 2", StringComparison.Ordinal))), "the second attempt failed");

        Assert.Equal("password_reset_requested", Assert.Single(await server.TrailAsync()).Event);
    }

    [Fact]
    public async Task Each_change_by_a_manifest_is_recorded_once_even_if_it_is_applied_twice()
    {
        await using var server = await ServerUnderTest.StartAsync();
        const string manifest =
            """
            { "clients": [ { "client_id": "till", "client_secret": "canary-till-secret", "grant_types": ["client_credentials"] } ],
              "roles": [ { "name": "clerk", "permissions": ["till:open"] } ],
              "users": [ { "username": "bob", "password": "canary-of-bobs-password", "roles": ["clerk"] }, { "username": "alice", "disabled": true } ] }
            """;

        await server.AppliesAsync(manifest);
        await server.AppliesAsync(manifest);
        await server.AppliesAsync(manifest.Replace("till-secret", "new-till-secret", StringComparison.Ordinal));

        var bob = await server.ReadAsync<string>("SELECT id::text FROM users WHERE user_name = 'bob'");
        var alice = await server.ReadAsync<string>("SELECT id::text FROM users WHERE user_name = 'alice'");
        Assert.Equal(
            [
                Of(null, null, "created role clerk"), Of(null, "till", "created client"),
                Of(bob, null, "created user"), Of(alice, null, "changed user (disabled)"),
                Of(null, "till", "changed client (client_secret)"),
            ],
            (await server.TrailAsync()).OrderBy(told => Array.IndexOf(["created role clerk", "created client", "created user", "changed user (disabled)"], told.Reason) is var i and >= 0 ? i : 9));
        static Told Of(string? subject, string? client, string reason) => new("configuration_applied", subject is null ? null : Guid.Parse(subject), client, null, null, reason);
    }

    [Fact]
    public async Task Rotated_and_replaced_keys_are_recorded()
    {
        await using var server = await ServerUnderTest.StartAsync("--SigningKeys:Lifetime=1000", "--SigningKeys:PublishAhead=100");
        var rotate = ActivatorUtilities.CreateInstance<RotateSigningKeys>(server.Services);
        await rotate.Execute(null!, CancellationToken.None);
        Assert.Empty(await server.TrailAsync());

        server.Clock.Advance(TimeSpan.FromSeconds(905));
        await rotate.Execute(null!, CancellationToken.None);
        await rotate.Execute(null!, CancellationToken.None);
        var rotated = await server.TrailAsync();
        Assert.All(rotated, told => Assert.Equal(new Told("keys_rotated", null, null, null, null, told.Reason), told));
        Assert.Equal(
            await server.ReadAsync<string>("SELECT string_agg(algorithm || ' ' || key_id, ',' ORDER BY algorithm) FROM keys WHERE retires_at IS NULL"),
            string.Join(',', rotated.Select(told => told.Reason).Order(StringComparer.Ordinal)));
        await using (var connection = new NpgsqlConnection(server.ConnectionString))
        {
            await connection.OpenAsync();
            await server.Services.GetRequiredService<KeyStore>().ReplaceAsync(connection, CancellationToken.None);
        }

        Assert.Equal(new("keys_replaced", null, null, null, null, "6 keys"), (await server.TrailAsync())[^1]);
        Assert.Equal(4, (await server.TrailAsync()).Count);
    }

    private Task<long> LastAsync() => _server.ReadAsync<long>("SELECT COALESCE(max(id), 0) FROM audit_events");

    private async Task<Guid> IdOfAsync(string name) => Guid.Parse(await _server.ReadAsync<string>("SELECT id::text FROM users WHERE user_name = $1", name));

    private static Guid GrantOf(string? accessToken) => Guid.Parse(Around.Claims(accessToken).GetProperty("grant_id").GetString()!);
}
