using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using Npgsql;
using Xunit;

namespace IdentityServer.Tests.Audit;

/// <summary>A server behind a proxy that forwards the caller's address.</summary>
public sealed class AuditServer : IAsyncLifetime
{
    public const string Address = "203.0.113.7";
    internal const string BehindProxy = "--ForwardedHeaders:KnownProxies=127.0.0.1";

    internal ServerUnderTest Server { get; private set; } = null!;

    internal Inbox Inbox { get; } = new();

    public async ValueTask InitializeAsync()
    {
        Server = await ServerUnderTest.StartAsync(BehindProxy, Inbox.Setting);
        Server.Http.DefaultRequestHeaders.Add("X-Forwarded-For", Address);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Inbox.Dispose();
    }
}

/// <summary>A row of the trail without its time.</summary>
internal sealed record Told(string Event, Guid? Subject, string? ClientId, Guid? GrantId, string? Address, string? Reason);

/// <summary>How tests read the trail.</summary>
internal static class Trail
{
    /// <summary>The rows after the row <paramref name="after"/>, in order.</summary>
    public static async Task<IReadOnlyList<Told>> TrailAsync(this ServerUnderTest server, long after = 0)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT event, subject, client_id, grant_id, remote_address, reason FROM audit_events WHERE id > $1 ORDER BY at, id", connection) { Parameters = { new() { Value = after } } };
        await using var row = await command.ExecuteReaderAsync();
        var told = new List<Told>();
        while (await row.ReadAsync())
        {
            told.Add(new Told(
                row.GetString(0), row.IsDBNull(1) ? null : row.GetGuid(1), row.IsDBNull(2) ? null : row.GetString(2), row.IsDBNull(3) ? null : row.GetGuid(3),
                row.IsDBNull(4) ? null : row.GetFieldValue<IPAddress>(4).ToString(), row.IsDBNull(5) ? null : row.GetString(5)));
        }
        return told;
    }
}
