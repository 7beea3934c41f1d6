using IdentityServer.Audit;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>
/// The table <c>audit_events</c>. Hot statements write their own row, and code that uses EF Core saves an
/// <see cref="AuditEventRow"/>. Everything else appends here.
/// </summary>
internal static class AuditTrail
{
    private const string AppendSql = "INSERT INTO audit_events (at, event, reason) VALUES ($1, $2, $3)";

    /// <summary>What the server itself or its operator did, within the caller's transaction.</summary>
    public static Task AppendAsync(NpgsqlConnection connection, DateTimeOffset at, string @event, string reason, CancellationToken cancellationToken) =>
        connection.Command(AppendSql, P(at), P(@event), P(reason)).ExecuteAsync(cancellationToken);
}
