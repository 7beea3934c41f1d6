using System.Globalization;
using Npgsql;

namespace Postgres;

/// <summary>
/// PostgreSQL itself ends a statement shortly before the client's <c>Command Timeout</c> would: the connection survives, no
/// second one is opened to cancel it, and nothing goes on that waits for a lock on behalf of a node that is gone. Set by a
/// statement and not as a startup parameter, which connection poolers refuse; a value that the operator gave the role, the
/// database or <c>Options</c> stays.
/// </summary>
public static class StatementDeadline
{
    /// <summary>How much earlier, so that the server's word arrives first.</summary>
    private const int LeadMilliseconds = 250;

    public static void Set(NpgsqlDataSourceBuilder builder)
    {
        // 0 is for ever, and the operator's own wish.
        if (builder.ConnectionStringBuilder.CommandTimeout is not (> 0 and var seconds))
            return;
        var sql = string.Create(
            CultureInfo.InvariantCulture,
            $"SELECT set_config('statement_timeout', '{Math.Min(seconds * 1000L, int.MaxValue) - LeadMilliseconds}', false) WHERE current_setting('statement_timeout') = '0'");
        builder.UsePhysicalConnectionInitializer(
            connection =>
            {
                using var command = Command(connection, sql);
                command.ExecuteNonQuery();
            },
            async connection =>
            {
                await using var command = Command(connection, sql);
                await command.ExecuteNonQueryAsync();
            });
    }

    /// <summary>Takes the deadline off a connection and tells what it was.</summary>
    public static async Task<string> LiftAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT current_setting('statement_timeout'), set_config('statement_timeout', '0', false)", connection);
        return (string)(await command.ExecuteScalarAsync(cancellation))!;
    }

    public static async Task RestoreAsync(NpgsqlConnection connection, string deadline)
    {
        await using var command = new NpgsqlCommand("SELECT set_config('statement_timeout', $1, false)", connection) { Parameters = { new() { Value = deadline } } };
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // Made here of a number.
        return new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
    }
}
