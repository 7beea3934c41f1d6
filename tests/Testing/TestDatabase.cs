using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Testing;

/// <summary>A database of a test's own, cloned from a template that is migrated once per build, dropped when disposed.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private const string TemplatePrefix = "template_";

    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(2);

    // A template per test project: two of them may be of different builds and run at once.
    private static readonly string Project = Fingerprint(AppDomain.CurrentDomain.FriendlyName);
    private static readonly string Build = Fingerprint(AssembliesOfBuild());
    private static readonly ConcurrentDictionary<string, long> Refreshed = new();
    private static int _count;

    private readonly string _name;

    private TestDatabase(string name, string connectionString)
    {
        _name = name;
        ConnectionString = connectionString;
    }

    public string ConnectionString { get; }

    /// <summary>
    /// A clone of <paramref name="template"/> (small letters and digits). <paramref name="migrate"/> gets the connection
    /// string of an empty database and fills it; it runs once per build, not once per test. <paramref name="refresh"/>
    /// updates a template that is some minutes old.
    /// </summary>
    public static async Task<TestDatabase> CreateAsync(string template, Func<string, Task> migrate, Func<string, Task>? refresh = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(migrate);
        if (template.Length is 0 or > 30 || !template.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)))
            throw new ArgumentException("A template's name is 1 to 30 small letters and digits.", nameof(template));

        var name = string.Create(
            CultureInfo.InvariantCulture,
            $"{TestServer.DatabasePrefix}{Environment.ProcessId}_{template}_{Interlocked.Increment(ref _count)}");
        await using var connection = await TestServer.ConnectAsync();
        // Nobody drops the template between its making and its cloning.
        await connection.ExecuteAsync($"SELECT pg_advisory_lock(hashtext('{TemplatePrefix}{template}_{Project}'))");
        try
        {
            var source = await EnsureTemplateAsync(connection, template, migrate);
            if (refresh is not null && !(Refreshed.TryGetValue(source, out var at) && Stopwatch.GetElapsedTime(at) < Freshness))
            {
                await refresh(await ConnectionStringAsync(source, pooling: false));
                Refreshed[source] = Stopwatch.GetTimestamp();
            }
            // By default PostgreSQL 15 and later write each page to the WAL, which takes three times as long.
            var strategy = connection.PostgreSqlVersion.Major >= 15 ? " STRATEGY FILE_COPY" : "";
            await connection.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {source}{strategy}");
        }
        finally
        {
            await connection.ExecuteAsync("SELECT pg_advisory_unlock_all()");
        }
        return new TestDatabase(name, await ConnectionStringAsync(name, pooling: true));
    }

    /// <summary>An empty database, for tests of migrations and of first starts.</summary>
    public static Task<TestDatabase> CreateEmptyAsync() => CreateAsync("empty", static _ => Task.CompletedTask);

    public async ValueTask DisposeAsync()
    {
        await using var connection = await TestServer.ConnectAsync();
        await connection.ExecuteAsync($"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");
    }

    private static async Task<string> EnsureTemplateAsync(NpgsqlConnection connection, string template, Func<string, Task> migrate)
    {
        var prefix = $"{TemplatePrefix}{template}_{Project}_";
        var current = prefix + Build;
        var existing = await connection.DatabasesAsync(prefix);
        foreach (var old in existing.Where(name => name != current))
            await connection.ExecuteAsync($"DROP DATABASE IF EXISTS {old} WITH (FORCE)");
        if (existing.Contains(current))
            return current;

        // Renamed when it is complete: a killed run leaves no half-migrated template.
        var building = prefix + "new";
        await connection.ExecuteAsync($"CREATE DATABASE {building} TEMPLATE template0");
        await migrate(await ConnectionStringAsync(building, pooling: false));
        await connection.ExecuteAsync($"ALTER DATABASE {building} RENAME TO {current}");
        return current;
    }

    private static async Task<string> ConnectionStringAsync(string database, bool pooling)
    {
        var server = await TestServer.GetAsync();
        return new NpgsqlConnectionStringBuilder(server.ConnectionString(database)) { Pooling = pooling, MaxPoolSize = 20, Timeout = 15, CommandTimeout = 30 }.ConnectionString;
    }

    /// <summary>The assemblies built here are those with symbols: a changed schema is in one of them.</summary>
    private static string AssembliesOfBuild()
    {
        var ids = new StringBuilder();
        foreach (var assembly in Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll").Order(StringComparer.Ordinal))
        {
            if (!File.Exists(Path.ChangeExtension(assembly, ".pdb")))
                continue;
            using var reader = new PEReader(File.OpenRead(assembly));
            var metadata = reader.GetMetadataReader();
            ids.Append(metadata.GetGuid(metadata.GetModuleDefinition().Mvid));
        }

        return ids.ToString();
    }

    private static string Fingerprint(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 4));
}
