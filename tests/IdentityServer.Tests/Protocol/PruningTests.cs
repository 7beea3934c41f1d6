using System.Net;
using IdentityServer.Jobs;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class PruningTests
{
    private const long PruneLock = 0x9121_4E;

    private const string Grant =
        """
        INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, revoked_at, security_stamp)
        SELECT gen_random_uuid(), 'shop', (SELECT id FROM users LIMIT 1), '{}', 0, now() - interval '2 hours', $1, $1, $2, $3, 'stamp' FROM generate_series(1, $4)
        """;

    [Fact]
    public async Task Expired_rows_are_deleted_in_batches_and_live_ones_stay()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await CountBatchesAsync(server);
        var now = server.Clock.GetUtcNow();
        var (past, future) = (now.AddMinutes(-20), now.AddMinutes(10));
        // Dead: expired, or revoked. Alive: not expired, also where only the coarse time is past or only the exact one.
        await GrantsAsync(server, past, past, null, 2500);
        await GrantsAsync(server, future, future, past, 1200);
        await GrantsAsync(server, future, past, null, 3);
        await GrantsAsync(server, past, future, null, 5);
        await GrantsAsync(server, future, future, null, 7);
        await server.ExecuteAsync("INSERT INTO revocations (jti, at, until) SELECT 'old' || i, $1, $1 FROM generate_series(1, 1500) i", past);
        await server.ExecuteAsync("INSERT INTO revocations (jti, at, until) VALUES ('live', $1, $2)", past, future);
        await server.HasUserAsync();
        await server.ExecuteAsync("INSERT INTO reset_tokens SELECT id, '\\x00', CASE user_name WHEN 'alice' THEN $1 ELSE $2 END FROM users", past, future);
        await server.ExecuteAsync("INSERT INTO keys SELECT 'retired', algorithm, protected_key, created_at, signs_from - interval '1 day', $1 FROM keys LIMIT 1", past);
        await server.ExecuteAsync("INSERT INTO keys SELECT 'retiring', algorithm, protected_key, created_at, signs_from - interval '1 day', $1 FROM keys LIMIT 1", future);
        var version = await server.ReadAsync<long>("SELECT version FROM configuration");

        await PruneAsync(server);

        Assert.Equal(15, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
        Assert.Equal("live", await server.ReadAsync<string>("SELECT string_agg(jti, ',') FROM revocations"));
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM reset_tokens"));
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM keys WHERE key_id = 'retired'"));
        Assert.Equal(4, await server.ReadAsync<int>("SELECT count(*) FROM keys"));
        // The new version makes all nodes drop the key.
        Assert.Equal(version + 1, await server.ReadAsync<long>("SELECT version FROM configuration"));
        Assert.Equal(1000, await server.ReadAsync<int>("SELECT max(rows) FROM deleted"));
        Assert.Equal("1000,1000,500,1000,200", await server.ReadAsync<string>("SELECT string_agg(rows::text, ',' ORDER BY id) FROM deleted WHERE what = 'grants' AND rows > 0"));
        Assert.Contains(server.Log.Lines, line => line.Contains("Pruned 3700 grants, 1500 revocations, 1 reset tokens, 1 keys and 0 audit events", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Expired_OpenIddict_tokens_and_authorizations_no_longer_in_use_are_deleted()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var now = server.Clock.GetUtcNow();
        await server.ExecuteAsync(
            """
            INSERT INTO authorizations (id, type, status, subject, creation_date)
            SELECT gen_random_uuid(), type, status, who, $1 FROM (VALUES
                ('ad-hoc', 'valid', 'spent'), ('ad-hoc', 'valid', 'in use'), ('permanent', 'valid', 'consent'), ('permanent', 'revoked', 'withdrawn')) AS old (type, status, who)
            UNION ALL SELECT gen_random_uuid(), 'ad-hoc', 'valid', 'new', $2
            """, now.AddHours(-2), now);
        await server.ExecuteAsync(
            """
            INSERT INTO tokens (id, authorization_id, type, status, subject, expiration_date)
            SELECT gen_random_uuid(), (SELECT id FROM authorizations WHERE subject = 'in use'), 'device_code', 'redeemed', 'kept', $2
            UNION ALL SELECT gen_random_uuid(), (SELECT id FROM authorizations WHERE subject = 'spent'), 'device_code', 'valid', 'expired', $1 FROM generate_series(1, 1200)
            """, now.AddHours(-1), now.AddMinutes(10));

        await PruneAsync(server);

        Assert.Equal("kept", await server.ReadAsync<string>("SELECT string_agg(subject, ',') FROM tokens"));
        Assert.Equal("consent,in use,new", await server.ReadAsync<string>("SELECT string_agg(subject, ',' ORDER BY subject) FROM authorizations"));
    }

    [Fact]
    public async Task It_runs_when_the_cron_expression_says()
    {
        await using var server = await ServerUnderTest.StartAsync("--Pruning:Cron=* * * * * ?");
        await server.ExecuteAsync("INSERT INTO revocations (jti, at, until) VALUES ('old', $1, $1)", server.Clock.GetUtcNow().AddMinutes(-20));

        var started = TimeProvider.System.GetTimestamp();
        while (await server.ReadAsync<long>("SELECT count(*) FROM revocations") > 0)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(10), "Nothing was pruned within 10 s.");
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task An_expired_grant_stays_as_long_as_its_access_token_so_that_it_can_be_ended()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Lifetime=3", "--RefreshTokens:AbsoluteLifetime=3");
        var alice = await server.SignsInAsync();
        server.Clock.Advance(TimeSpan.FromMinutes(30));

        await PruneAsync(server);

        Assert.True((await server.IntrospectsAsync(alice.AccessToken)).Json.GetProperty("active").GetBoolean());
        Assert.Equal(HttpStatusCode.OK, (await server.PostJsonAsync("/logout", "{}", alice.AccessToken)).Status);
        Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(alice.AccessToken)).Body);

        var other = await server.SignsInAsync();
        server.Clock.Advance(TimeSpan.FromMinutes(77));
        await PruneAsync(server);
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
        Assert.NotNull(other.AccessToken);
    }

    [Fact]
    public async Task A_live_sign_in_survives_pruning_to_the_end_of_its_life()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Lifetime=1000", "--RefreshTokens:AbsoluteLifetime=2500");
        var current = await server.SignsInAsync();
        for (var i = 0; i < 2; i++)
        {
            server.Clock.Advance(TimeSpan.FromSeconds(995));
            await PruneAsync(server);
            current = await server.RefreshesAsync(current.RefreshToken);
            Assert.Equal(HttpStatusCode.OK, current.Status);
        }
        server.Clock.Advance(TimeSpan.FromSeconds(600));
        await PruneAsync(server);
        (await server.RefreshesAsync(current.RefreshToken)).Refuses("invalid_grant");

        // The last access token lived on for an hour.
        server.Clock.Advance(TimeSpan.FromHours(1) + AccessTokenVerifier.WorstClock);
        await PruneAsync(server);
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
    }

    [Fact]
    public async Task What_was_revoked_stays_dead_when_its_grant_is_gone()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await server.SignsInAsync();
        await server.RevokesAsync(signedIn.RefreshToken);

        await PruneAsync(server);

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
        (await server.RefreshesAsync(signedIn.RefreshToken)).Refuses("invalid_grant");
        await using var node = await server.StartNodeAsync();
        Assert.Equal("""{"active":false}""", (await node.IntrospectsAsync(signedIn.AccessToken)).Body);
    }

    [Fact]
    public async Task While_one_node_prunes_the_others_do_not()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await GrantsAsync(server, server.Clock.GetUtcNow().AddHours(-1), server.Clock.GetUtcNow().AddHours(-1), null, 1);
        await using (var other = new NpgsqlConnection(server.ConnectionString))
        {
            await other.OpenAsync();
            await Around.Command(other, "SELECT pg_advisory_lock($1)", PruneLock).ExecuteNonQueryAsync();
            await PruneAsync(server);
            Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
            await Around.Command(other, "SELECT pg_advisory_unlock($1)", PruneLock).ExecuteNonQueryAsync();
        }

        await PruneAsync(server);

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
    }

    [Fact]
    public async Task A_row_that_a_request_holds_is_left_for_the_next_run()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await GrantsAsync(server, server.Clock.GetUtcNow().AddHours(-1), server.Clock.GetUtcNow().AddHours(-1), null, 2);
        await using (var request = new NpgsqlConnection(server.ConnectionString))
        {
            await request.OpenAsync();
            await using var transaction = await request.BeginTransactionAsync();
            await Around.Command(request, "SELECT 1 FROM grants LIMIT 1 FOR UPDATE").ExecuteNonQueryAsync();
            await PruneAsync(server);
            Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
        }

        await PruneAsync(server);

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM grants"));
    }

    /// <summary>With the planner's own choice and cached plans, as on a connection with no planner settings.</summary>
    [Fact]
    public async Task No_batch_scans_a_table()
    {
        await using var server = await ServerUnderTest.StartAsync("--Audit:RetentionDays=1");
        var past = server.Clock.GetUtcNow().AddDays(-3);
        await GrantsAsync(server, past, past, null, 1);
        await GrantsAsync(server, past, server.Clock.GetUtcNow().AddDays(1), past, 1);
        const string more =
            """
            SET session_replication_role = replica;
            INSERT INTO grants SELECT gen_random_uuid(), client_id, subject, scopes, generation, created_at, rotated_at, expires_at, absolute_expires_at, prunable_at, revoked_at, security_stamp FROM grants, generate_series(1, 1500);
            INSERT INTO grants SELECT gen_random_uuid(), client_id, subject, scopes, generation, now(), NULL, now() + interval '1 day', now(), now() + interval '1 day', NULL, security_stamp FROM (SELECT * FROM grants LIMIT 1) g, generate_series(1, 30000);
            INSERT INTO revocations (jti, at, until) SELECT 'token' || i, now(), now() + CASE WHEN i <= 1500 THEN -1 ELSE 1 END * interval '1 hour' FROM generate_series(1, 30000) i;
            INSERT INTO reset_tokens SELECT gen_random_uuid(), '\x00', now() + CASE WHEN i <= 1500 THEN -1 ELSE 1 END * interval '1 hour' FROM generate_series(1, 30000) i;
            INSERT INTO audit_events (at, event) SELECT now() - CASE WHEN i <= 1500 THEN 3 ELSE 0 END * interval '1 day', 'sign_in_failed' FROM generate_series(1, 30000) i
            """;
        await server.ExecuteAsync(more);
        await server.ExecuteAsync("ANALYZE");
        // Earlier scans of the empty tables are counted now and not during the prune; new connections know the sizes.
        await server.ExecuteAsync("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        var planned = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Options = "-c plan_cache_mode=force_generic_plan", MaxPoolSize = 1 };
        await using var source = NpgsqlDataSource.Create(planned.ConnectionString);
        const string Scans =
            "SELECT string_agg(relname || ' ' || seq_scan, ', ' ORDER BY relname) FROM pg_stat_user_tables WHERE relname IN ('grants', 'revocations', 'reset_tokens', 'audit_events')";
        await using var connection = await source.OpenConnectionAsync();
        var before = await Around.Command(connection, Scans).ExecuteScalarAsync();
        await connection.CloseAsync();

        await ActivatorUtilities.CreateInstance<Prune>(server.Services, source).Execute(null!, CancellationToken.None);

        await connection.OpenAsync();
        await Around.Command(connection, "SELECT pg_stat_force_next_flush()").ExecuteNonQueryAsync();
        Assert.Equal(before, await Around.Command(connection, Scans).ExecuteScalarAsync());
        Assert.Contains(server.Log.Lines, line => line.Contains("Pruned 3002 grants, 1500 revocations, 1500 reset tokens, 0 keys and 1500 audit events", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_rotation_touches_no_index()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await server.SignsInAsync();
        var grant = Guid.Parse(Around.Claims(signedIn.AccessToken).GetProperty("grant_id").GetString()!);
        // One connection, so that its statistics can be flushed at once.
        await using var source = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder(server.ConnectionString) { MaxPoolSize = 1 }.ConnectionString).Build();
        using var store = new GrantStore(source);
        var settings = server.Services.GetRequiredService<RefreshTokenSettings>();
        // From the start of a coarse step on: one in some hundred rotations moves the indexed column.
        var now = settings.PrunableAfter(server.Clock.GetUtcNow());
        await server.ExecuteAsync("UPDATE grants SET prunable_at = $1", settings.PrunableAfter(now + settings.Lifetime));
        for (var generation = 0; generation < 50; generation++)
            Assert.NotNull(await store.TrySpendAsync(new Spend(grant, generation, World.Shop, [], now.AddMinutes(generation), settings.Lifetime, settings.PruneGrain) { ClientScopes = World.AllScopes }));

        await using var connection = await source.OpenConnectionAsync();
        await Around.Command(connection, "SELECT pg_stat_force_next_flush()").ExecuteNonQueryAsync();
        await using var row = await Around.Command(connection, "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'grants'").ExecuteReaderAsync();
        Assert.True(await row.ReadAsync());
        Assert.True(row.GetInt64(0) >= 50);
        // One page may be full when something else reads the table; an index would be touched each time.
        Assert.InRange(row.GetInt64(1), 45, row.GetInt64(0));
    }

    [Fact]
    public async Task A_sign_in_and_a_refresh_round_prunable_at_in_the_same_way()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var settings = server.Services.GetRequiredService<RefreshTokenSettings>();
        var signedIn = await server.SignsInAsync();
        Assert.True(await server.ReadAsync<bool>("SELECT prunable_at = date_bin($1, expires_at, 'epoch') + $1 FROM grants", settings.PruneGrain));

        await server.RefreshesAsync(signedIn.RefreshToken);

        Assert.True(await server.ReadAsync<bool>("SELECT prunable_at = date_bin($1, expires_at, 'epoch') + $1 AND prunable_at > expires_at FROM grants", settings.PruneGrain));
    }

    [Fact]
    public async Task A_node_whose_clock_is_ahead_prunes_nothing_that_other_nodes_still_need()
    {
        await using var server = await ServerUnderTest.StartAsync("--AccessTokens:Lifetime=300", "--RefreshTokens:Lifetime=300", "--RefreshTokens:AbsoluteLifetime=300");
        await using var ahead = await server.StartNodeAsync(new TestClock());
        var (revoked, signedOut) = (await server.SignsInAsync(), await server.SignsInAsync());
        await server.RevokesAsync(revoked.AccessToken);
        ahead.Clock.Advance(TimeSpan.FromMinutes(10));

        await PruneAsync(ahead);
        await server.RevokesAsync(signedOut.RefreshToken);

        await using var fresh = await server.StartNodeAsync();
        foreach (var token in (string?[])[revoked.AccessToken, signedOut.AccessToken])
            Assert.Equal("""{"active":false}""", (await fresh.IntrospectsAsync(token!)).Body);
    }

    private static async Task PruneAsync(ServerUnderTest server) =>
        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);

    private static Task<int> GrantsAsync(ServerUnderTest server, DateTimeOffset expires, DateTimeOffset prunable, DateTimeOffset? revoked, int count) =>
        server.ExecuteAsync(Grant.Replace("$3", revoked is null ? "NULL" : "$1 - interval '1 hour'", StringComparison.Ordinal).Replace("$4", "$3", StringComparison.Ordinal), expires, prunable, count);

    /// <summary>Records how many rows each statement deletes.</summary>
    private static Task<int> CountBatchesAsync(ServerUnderTest server) => server.ExecuteAsync(
        """
        CREATE TABLE deleted (id serial, what text, rows int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO deleted (what, rows) SELECT TG_TABLE_NAME, count(*) FROM gone; RETURN NULL; END';
        CREATE TRIGGER note AFTER DELETE ON grants REFERENCING OLD TABLE AS gone EXECUTE FUNCTION note();
        CREATE TRIGGER note AFTER DELETE ON revocations REFERENCING OLD TABLE AS gone EXECUTE FUNCTION note();
        """);
}
