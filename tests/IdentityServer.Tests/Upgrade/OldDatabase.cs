using System.Text.Json;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Operations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Upgrade;

/// <summary>
/// A database as the last version with hand-written migrations left it, and what its clients and browsers hold. The dump was taken
/// from that version and can't be made again: it stays as it is.
/// </summary>
internal sealed class OldDatabase : IAsyncDisposable
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "IdentityServer.Tests", "Upgrade");
    private static readonly string[] Certificate = [$"--DataProtection:CertificatePath={Path.Combine(Folder, "OldDatabase.pfx")}", "--DataProtection:CertificatePassword=test data"];

    private readonly TestDatabase _database;

    private OldDatabase(TestDatabase database) => _database = database;

    public static JsonElement Held { get; } = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "OldDatabase.json"))).RootElement;

    public string ConnectionString => _database.ConnectionString;

    /// <param name="change">SQL to run on the old schema before the migration.</param>
    public static async Task<OldDatabase> RestoreAsync(string change = "")
    {
        var old = new OldDatabase(await TestDatabase.CreateEmptyAsync());
        // The dump empties the session's search path.
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(old.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
#pragma warning disable CA2100 // The test's own files and statements.
        await using var restore = new NpgsqlCommand($"{await File.ReadAllTextAsync(Path.Combine(Folder, "OldDatabase.sql"))} SET search_path = public; {change}", connection);
#pragma warning restore CA2100
        await restore.ExecuteNonQueryAsync();
        return old;
    }

    public static string Holds(string name) => Held.GetProperty(name).GetString()!;

    /// <summary>The command <c>migrate</c> of this version.</summary>
    public async Task<(int Code, string Said)> MigratesAsync()
    {
        await using var migrate = BackupTests.Run("migrate", ConnectionString);
        var code = await migrate.ExitsAsync();
        return (code, string.Join('\n', migrate.Errors));
    }

    /// <summary>A server of this version, some seconds after the old one was stopped.</summary>
    public Task<ServerUnderTest> ServesAsync() => ServerUnderTest.StartOnAsync(ConnectionString, Later, [.. Certificate, "--Registration:Mode=open"]);

    public async Task<ServerUnderTest> CarryOverAsync()
    {
        var (code, said) = await MigratesAsync();
        Assert.True(code == 0, said);
        return await ServesAsync();
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    private static void Later(WebApplicationBuilder builder)
    {
        var clock = new TestClock();
        clock.Advance(Held.GetProperty("taken_at").GetDateTimeOffset().AddSeconds(10) - clock.GetUtcNow());
        builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(clock));
    }
}
