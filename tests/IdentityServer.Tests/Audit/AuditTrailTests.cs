using System.Diagnostics.Metrics;
using System.Net;
using IdentityServer.Jobs;
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

/// <summary>The trail as a whole: one transaction with what it records, no secrets, append-only, pruned.</summary>
public sealed class AuditTrailTests
{
    private const string Chosen = "spring tide 100";

    [Fact]
    public async Task What_cannot_be_audited_does_not_happen()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting, "--RefreshTokens:Leeway=0");
        var (name, email) = (World.Alice, World.AliceEmail);
        var own = await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        var signedIn = await server.SignsInAsync();
        var refreshed = await server.RefreshesAsync(signedIn.RefreshToken);
        var session = (await server.LogsInAsync(name, World.AlicePassword)).Data("access_token");
        await server.AsksForResetAsync(email);
        var reset = People.TokenOf(await inbox.NextAsync(email));
        var before = await StateAsync(server);
        var told = (await server.TrailAsync()).Count;
        await BreakAsync(server);

        Assert.All(
            [
                await server.SignsInAsync(),
                await server.LogsInAsync(name, World.AlicePassword),
                await server.RevokesAsync(refreshed.RefreshToken),
                await server.RevokesAsync(refreshed.AccessToken),
                await server.RevokesAsync(own.AccessToken),
                // The grant of a reused token can't be ended, so the answer must not say that it was.
                await server.RefreshesAsync(signedIn.RefreshToken),
                await server.LogsOutAsync(session),
                await server.RegistersAsync("newcomer"),
                await server.ChangesPasswordAsync(session, World.AlicePassword, Chosen),
                await server.ResetsAsync(email, reset, Chosen),
            ],
            answer => Assert.True(answer.Status == HttpStatusCode.ServiceUnavailable && answer.Message.Headers.RetryAfter is not null, $"{answer.Message.RequestMessage?.RequestUri}: {answer.Status} {answer.Body}"));

        Assert.Equal(before, await StateAsync(server));
        Assert.Equal(told, (await server.TrailAsync()).Count);
        Assert.True(await server.IsLiveAsync(refreshed.AccessToken));
        Assert.True(await server.IsLiveAsync(session));

        await server.ExecuteAsync("DROP TRIGGER broken ON audit_events");
        Assert.Equal(HttpStatusCode.OK, (await server.RevokesAsync(refreshed.RefreshToken)).Status);
        Assert.False(await server.IsLiveAsync(refreshed.AccessToken));
        Assert.Equal(told + 1, (await server.TrailAsync()).Count);
    }

    [Fact]
    public async Task Batched_revocations_that_cannot_be_audited_do_not_happen()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = new List<Answer>();
        for (var i = 0; i < 10; i++)
            signedIn.Add(await server.SignsInAsync());
        await BreakAsync(server);

        Assert.All(
            await Task.WhenAll(signedIn.Select(before => server.RevokesAsync(before.RefreshToken))),
            answer => Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status));

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM grants WHERE revoked_at IS NOT NULL"));
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM revocations"));
    }

    [Fact]
    public async Task A_manifest_or_key_rotation_that_cannot_be_audited_does_not_happen()
    {
        await using var server = await ServerUnderTest.StartAsync("--SigningKeys:Lifetime=1000", "--SigningKeys:PublishAhead=100");
        var version = await server.VersionAsync();
        await BreakAsync(server);
        server.Clock.Advance(TimeSpan.FromSeconds(905));

        await Assert.ThrowsAnyAsync<Exception>(() => server.AppliesAsync("""{ "clients": [ { "client_id": "till", "client_secret": "x", "grant_types": [] } ] }"""));
        await ActivatorUtilities.CreateInstance<RotateSigningKeys>(server.Services).Execute(null!, CancellationToken.None);

        Assert.Equal(version, await server.VersionAsync());
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM clients WHERE client_id = 'till'"));
        Assert.Equal(3, await server.ReadAsync<int>("SELECT count(*) FROM keys"));
    }

    [Fact, Rfc("6819", "5.1.6")]
    public async Task The_trail_holds_no_secret_and_nothing_that_a_user_typed()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting);
        const string name = "canary-person", password = "canary-password-1", second = "canary-password-2", third = "canary-password-3";
        var email = People.EmailOf(name);

        var registered = await server.PostJsonAsync("/register", new { username = name, email, password, full_name = "Canary Full Name" });
        var atShop = await server.SignsInAsync(name, password);
        var refreshed = await server.RefreshesAsync(atShop.RefreshToken);
        await server.SignsInAsync(name, "canary-guess");
        await server.SignsInAsync("canary-typed-name", "canary-guess");
        await server.LogsInAsync("canary-typed-name@example.com", "canary-guess");
        var session = await server.LogsInAsync(name, password);
        await server.ChangesPasswordAsync(session.Data("access_token"), "canary-guess", second);
        var changed = await server.ChangesPasswordAsync(session.Data("access_token"), password, second);
        await server.AsksForResetAsync(email);
        var reset = People.TokenOf(await inbox.NextAsync(email));
        await server.ResetsAsync(email, reset, third);
        var (last, own) = (await server.SignsInAsync(name, third), await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop));
        await server.RefreshesAsync((await server.RefreshesAsync(last.RefreshToken)).RefreshToken);
        await server.RefreshesAsync(last.RefreshToken);
        await server.RevokesAsync(own.AccessToken);
        var again = await server.SignsInAsync(name, third);
        await server.RevokesAsync(again.AccessToken);
        await server.RevokesAsync(again.RefreshToken);
        await server.LogsOutAsync((await server.LogsInAsync(name, third)).Data("access_token"));
        for (var guess = 0; guess < 12; guess++)
            await server.LogsInAsync(name, "canary-guess");
        await server.AppliesAsync(
            """
            { "clients": [ { "client_id": "till", "client_name": "Canary Till", "client_secret": "canary-secret", "grant_types": ["client_credentials"] } ],
              "users": [ { "username": "canary-clerk", "email": "canary-clerk@example.com", "password": "canary-of-a-clerk", "full_name": "Canary Clerk" } ] }
            """);

        var rows = await server.ReadAsync<string>("SELECT string_agg(a::text, E'\\n') FROM audit_events a");
        string[] happened = ["user_registered", "sign_in_succeeded", "sign_in_failed", "account_locked", "grant_ended", "token_revoked", "refresh_token_reused", "password_changed", "password_reset_requested", "password_reset", "configuration_applied"];
        Assert.Equal(happened.Order(StringComparer.Ordinal), (await server.TrailAsync()).Select(told => told.Event).Distinct().Order(StringComparer.Ordinal));
        string[] secrets =
        [
            "canary", World.ShopSecret, reset, changed.Data("refresh_token")!,
            .. new[] { atShop, refreshed, last, own, again }.SelectMany(answer => new[] { answer.RefreshToken, answer.AccessToken!.Split('.')[1], answer.AccessToken!.Split('.')[2], Around.Claims(answer.AccessToken).GetProperty("jti").GetString() }).OfType<string>(),
            registered.Data("access_token")!.Split('.')[2],
        ];
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, rows, StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("UPDATE audit_events SET reason = 'another'")]
    [InlineData("UPDATE audit_events SET at = at - interval '1 year'")]
    [InlineData("DELETE FROM audit_events")]
    [InlineData("DELETE FROM audit_events WHERE at < now() + interval '1 day'")]
    [InlineData("TRUNCATE audit_events")]
    [InlineData("SELECT set_config('identityserver.audit_prune_until', (now() - interval '1 day')::text, false); DELETE FROM audit_events")]
    public async Task The_trail_is_append_only(string change)
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.SignsInAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => server.ExecuteAsync(change));

        Assert.Equal((PostgresErrorCodes.InsufficientPrivilege, "audit_events is append-only"), (refused.SqlState, refused.MessageText));
        Assert.Single(await server.TrailAsync());
    }

    [Fact]
    public async Task The_trail_of_a_deleted_account_is_kept()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await server.SignsInAsync();

        await server.ExecuteAsync("DELETE FROM users WHERE user_name = $1", World.Alice);

        var trail = await server.TrailAsync();
        Assert.Equal(["sign_in_succeeded", "user_deleted"], trail.Select(told => told.Event));
        Assert.All(trail, told => Assert.Equal(Around.Claims(signedIn.AccessToken).GetProperty("sub").GetString(), told.Subject.ToString()));
    }

    [Fact]
    public async Task Rows_older_than_the_retention_are_deleted_in_batches_and_counted()
    {
        await using var server = await ServerUnderTest.StartAsync("--Audit:RetentionDays=30");
        var now = server.Clock.GetUtcNow();
        await InsertAsync(server, now.AddDays(-30).AddMinutes(-1), 2500);
        await InsertAsync(server, now.AddDays(-30).AddMinutes(1), 3);
        await server.SignsInAsync();
        await server.ExecuteAsync(
            """
            CREATE TABLE deleted (id serial, rows int);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO deleted (rows) SELECT count(*) FROM gone; RETURN NULL; END';
            CREATE TRIGGER note AFTER DELETE ON audit_events REFERENCING OLD TABLE AS gone EXECUTE FUNCTION note();
            """);
        long counted = 0;
        using var listener = new MeterListener { InstrumentPublished = (instrument, self) => { if (instrument.Name == "identityserver.pruned") self.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<long>((_, rows, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag is { Key: "what", Value: "audit_events" })
                    Interlocked.Add(ref counted, rows);
            }
        });
        listener.Start();

        await PruneAsync(server);

        Assert.Equal(4, (await server.TrailAsync()).Count);
        Assert.Equal("1000,1000,500", await server.ReadAsync<string>("SELECT string_agg(rows::text, ',' ORDER BY id) FROM deleted"));
        Assert.Equal(2500, counted);
        // Only the statement that prunes may delete.
        await Assert.ThrowsAsync<PostgresException>(() => server.ExecuteAsync("DELETE FROM audit_events"));
    }

    [Theory]
    [InlineData("--Audit:RetentionDays=0", 3)]
    [InlineData("--Audit:RetentionDays=", 1)]
    public async Task Rows_are_kept_for_90_days_by_default_and_for_ever_with_0(string setting, int left)
    {
        await using var server = await ServerUnderTest.StartAsync(setting);
        await InsertAsync(server, server.Clock.GetUtcNow().AddDays(-91), 2);
        await InsertAsync(server, server.Clock.GetUtcNow().AddDays(-89), 1);

        await PruneAsync(server);

        Assert.Equal(left, (await server.TrailAsync()).Count);
    }

    private static async Task PruneAsync(ServerUnderTest server) =>
        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);

    private static Task<int> InsertAsync(ServerUnderTest server, DateTimeOffset at, int count) =>
        server.ExecuteAsync("INSERT INTO audit_events (at, event) SELECT $1, 'sign_in_failed' FROM generate_series(1, $2)", at, count);

    /// <summary>The table takes no more rows, as when its disk is full.</summary>
    private static Task<int> BreakAsync(ServerUnderTest server) => server.ExecuteAsync(
        """
        CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER broken BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION broken();
        """);

    /// <summary>All that the operations would change, except the count of guesses: it rises before a check.</summary>
    private static Task<string> StateAsync(ServerUnderTest server) => server.ReadAsync<string>(
        """
        SELECT concat_ws('|',
            (SELECT string_agg(g::text, ',' ORDER BY id) FROM grants g), (SELECT count(*) FROM revocations),
            (SELECT string_agg(concat_ws(':', id, password_hash, security_stamp, grants_ended_at), ',' ORDER BY id) FROM users), (SELECT string_agg(r::text, ',') FROM reset_tokens r))
        """);
}
