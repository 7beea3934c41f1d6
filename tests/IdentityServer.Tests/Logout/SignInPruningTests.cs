using IdentityServer.Jobs;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Logout;

/// <summary>Expired leftovers of sign-in by browser are pruned, and nothing else is.</summary>
public sealed class SignInPruningTests
{
    private static readonly string[] Tables = ["sessions", "session_grants", "tokens", "used_jwts", "outbox"];

    private const string Fill =
        """
        INSERT INTO sessions (id, user_id, secret_hash, security_stamp, amr, created_at, authenticated_at, expires_at)
        SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), '\x00', 'stamp', '{pwd}', now(), now(), $1 FROM generate_series(1, $2);
        """;

    [Fact]
    public async Task Expired_rows_are_pruned_in_batches_and_live_rows_are_kept()
    {
        await using var server = await ServerUnderTest.StartAsync();
        // A node whose clock is a little behind must still find what it considers alive.
        var (dead, live) = (server.Clock.GetUtcNow().AddMinutes(-20), server.Clock.GetUtcNow().AddMinutes(-5));
        foreach (var (until, rows) in new[] { (dead, 2500), (live, 7) })
            await FillAsync(server, until, rows);
        // Expired, but due for another attempt: that is left to the delivery.
        await server.ExecuteAsync("INSERT INTO outbox SELECT gen_random_uuid(), 'unknown', '\\x00', 1, $1, $2 FROM generate_series(1, 3)", live, dead);
        var alice = await server.HasSessionAsync();
        var grant = await alice.ReachesAsync(World.Web, "openid");

        await ActivatorUtilities.CreateInstance<Prune>(server.Services).Execute(null!, CancellationToken.None);

        Assert.Equal(new[] { 8, 8, 7, 7, 10 }, await CountAsync(server));
        Assert.True(await alice.IsLiveAsync());
        Assert.True(await alice.IsGrantLiveAsync(grant));
        Assert.Contains(server.Log.Lines, line => line.Contains("Pruned 2500 rows of sessions", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_batch_scans_a_table()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await FillAsync(server, server.Clock.GetUtcNow().AddMinutes(-20), 1500);
        await FillAsync(server, server.Clock.GetUtcNow().AddHours(1), 30_000);
        await server.ExecuteAsync("ANALYZE");
        var planned = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Options = "-c plan_cache_mode=force_generic_plan", MaxPoolSize = 1 };
        await using var source = NpgsqlDataSource.Create(planned.ConnectionString);
        const string Scans =
            "SELECT string_agg(relname || ' ' || seq_scan, ', ' ORDER BY relname) FROM pg_stat_user_tables WHERE relname IN ('sessions', 'session_grants', 'tokens', 'used_jwts')";
        await using var connection = await source.OpenConnectionAsync();
        var before = await Around.Command(connection, Scans).ExecuteScalarAsync();
        await connection.CloseAsync();

        await ActivatorUtilities.CreateInstance<Prune>(server.Services, source).Execute(null!, CancellationToken.None);

        await connection.OpenAsync();
        await Around.Command(connection, "SELECT pg_stat_force_next_flush()").ExecuteNonQueryAsync();
        Assert.Equal(before, await Around.Command(connection, Scans).ExecuteScalarAsync());
        Assert.Equal(Enumerable.Repeat(30_000, 5), await CountAsync(server));
    }

    private static async Task FillAsync(ServerUnderTest server, DateTimeOffset until, int rows)
    {
        await server.ExecuteAsync(Fill, until, rows);
        await server.ExecuteAsync("INSERT INTO session_grants SELECT id, gen_random_uuid(), 'web' FROM sessions WHERE expires_at = $1", until);
        await server.ExecuteAsync(
            """
            INSERT INTO tokens (id, application_id, type, status, reference_id, creation_date, expiration_date)
            SELECT gen_random_uuid(), a.id, 'urn:openiddict:params:oauth:token-type:' || (ARRAY['request_token', 'device_code', 'user_code'])[1 + i % 3],
                   (ARRAY['valid', 'inactive', 'redeemed', 'rejected'])[1 + i % 4], gen_random_uuid(), $1, $1
            FROM generate_series(1, $2) AS i, applications a WHERE a.client_id = 'native'
            """, until, rows);
        await server.ExecuteAsync("INSERT INTO used_jwts SELECT uuid_send(gen_random_uuid()), $1 FROM generate_series(1, $2)", until, rows);
        await server.ExecuteAsync("INSERT INTO outbox SELECT gen_random_uuid(), 'unknown', '\\x00', 0, $1, $1 FROM generate_series(1, $2)", until, rows);
    }

    private static async Task<int[]> CountAsync(ServerUnderTest server)
    {
        var counts = new int[Tables.Length];
        for (var i = 0; i < Tables.Length; i++)
            counts[i] = await server.ReadAsync<int>($"SELECT count(*) FROM {Tables[i]}");
        return counts;
    }
}
