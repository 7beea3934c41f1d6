using System.Net;
using IdentityServer.Jobs;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ServiceDefaults.Storage;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>Settings of the server, database, role or connection don't affect our times.</summary>
public sealed class DatabaseSessionTests
{
    private const string NoSchedule = "--Pruning:Cron=0 0 3 1 1 ? 2098";

    [Theory]
    [InlineData("")]
    [InlineData("Timezone=America/New_York;Options=-c DateStyle=German -c IntervalStyle=sql_standard")]
    [InlineData("No Reset On Close=false")]
    public async Task Every_connection_is_in_UTC_and_ISO(string keywords)
    {
        await using var server = await ServerUnderTest.StartConnectedAsync(keywords);
        await SetForDatabaseAsync(server);
        await using var node = await server.StartNodeAsync();

        foreach (var source in new[] { node.Services.GetRequiredService<NpgsqlDataSource>(), node.Services.GetRequiredKeyedService<NpgsqlDataSource>(Database.PulseSource) })
        {
            // Twice: a connection that comes back to its pool may be reset.
            for (var use = 0; use < 2; use++)
            {
                await using var command = source.CreateCommand("SELECT concat_ws(' ', current_setting('TimeZone'), current_setting('DateStyle'), current_setting('IntervalStyle'))");
                Assert.Equal("UTC ISO, MDY postgres", await command.ExecuteScalarAsync());
            }
        }
    }

    [Fact]
    public async Task A_lifetime_in_days_is_exact_across_a_daylight_saving_change()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await SetForDatabaseAsync(server);
        await using var node = await server.StartNodeAsync();
        // Berlin's clocks go forward on the last Sunday of March.
        var now = server.Clock.GetUtcNow();
        var march = new DateTimeOffset(now.Year, 3, 20, 12, 0, 0, TimeSpan.Zero);
        server.Clock.Advance((march > now ? march : march.AddYears(1)) - now);
        var first = await node.SignsInAsync();
        var second = await node.RefreshesAsync(first.RefreshToken);
        Assert.Equal(HttpStatusCode.OK, second.Status);

        Assert.Equal(14 * 86400, await server.ReadAsync<double>("SELECT extract(epoch FROM expires_at - rotated_at)::float8 FROM grants"), 1e-3);
        server.Clock.Advance(TimeSpan.FromDays(14) - TimeSpan.FromMinutes(30));
        Assert.Equal(HttpStatusCode.OK, (await node.RefreshesAsync(second.RefreshToken)).Status);
    }

    [Fact]
    public async Task Lifetimes_in_SQL_are_hours_and_not_calendar_days()
    {
        var lifetime = TimeSpan.FromDays(14.5);
        await using var server = await ServerUnderTest.StartAsync();
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = Around.Command(connection, "SELECT extract(day FROM $1)::int * 1000 + extract(hour FROM $1)::int", ExactInterval.Of(lifetime));

        Assert.Equal((int)lifetime.TotalHours, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Pruning_works_with_any_date_format_of_the_database()
    {
        // The schedule's own run would hold the lock that keeps pruning to one node.
        await using var server = await ServerUnderTest.StartAsync(NoSchedule);
        // Dublin's summer time is IST, which PostgreSQL's own list of abbreviations takes for Israel's.
        await SetForDatabaseAsync(server, "Europe/Dublin");
        await using var node = await server.StartNodeAsync(NoSchedule);
        var now = server.Clock.GetUtcNow();
        var october = new DateTimeOffset(now.Year, 10, 1, 12, 0, 0, TimeSpan.Zero);
        server.Clock.Advance((october > now ? october : october.AddYears(1)) - now);
        await server.ExecuteAsync("INSERT INTO audit_events (at, event) VALUES ($1, 'SignInFailed')", server.Clock.GetUtcNow().AddDays(-90).AddMinutes(-30));

        await ActivatorUtilities.CreateInstance<Prune>(node.Services).Execute(null!, CancellationToken.None);

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'SignInFailed'"));
        Assert.DoesNotContain(node.Log.Lines, line => line.Contains(" 4001 ", StringComparison.Ordinal));
    }

    private static Task<int> SetForDatabaseAsync(ServerUnderTest server, string timeZone = "Europe/Berlin")
    {
        var database = new NpgsqlConnectionStringBuilder(server.ConnectionString).Database;
        return server.ExecuteAsync(
            $"ALTER DATABASE {database} SET TimeZone = '{timeZone}'; ALTER DATABASE {database} SET DateStyle = 'SQL, DMY'; ALTER DATABASE {database} SET IntervalStyle = 'iso_8601'");
    }
}
