using IdentityServer.Audit;
using Npgsql;
using NpgsqlTypes;

namespace IdentityServer.Storage;

/// <summary>
/// The table <c>audit_events</c>. What is hot writes its row in its own statement, what goes by EF Core adds an
/// <see cref="AuditEventRow"/> to what it saves; the rest appends here.
/// </summary>
internal static class AuditTrail
{
    private const string AppendSql = "INSERT INTO audit_events (at, event, reason) VALUES ($1, $2, $3)";

    /// <summary>What the server itself or its operator did, within the caller's transaction.</summary>
    public static async Task AppendAsync(NpgsqlConnection connection, DateTimeOffset at, string @event, string reason, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(AppendSql, connection)
        {
            Parameters = { new() { Value = at }, new() { Value = @event }, new() { Value = reason } },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Nullable, and so of a type that its value can't tell.</summary>
    public static NpgsqlParameter Nullable(object? value, NpgsqlDbType type) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };
}
