using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;
using Testing;

namespace IdentityServer.Tests.Hosting;

/// <summary>
/// The real server, on a real socket and a real PostgreSQL, in this process. Only the clock is the test's.
/// Rate limits are off and hashing is cheap unless a test's settings say otherwise; the lockout is always on.
/// </summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TestDatabase? _database;

    private ServerUnderTest(WebApplication app, TestDatabase? database, TestClock clock, CapturedLog log, string connectionString)
    {
        (_app, _database, Clock, Log, ConnectionString) = (app, database, clock, log, connectionString);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Address = new Uri(address);
        Http = Connect();
    }

    public Uri Address { get; }
    public HttpClient Http { get; }
    public TestClock Clock { get; }

    /// <summary>All that the server logged, at every level.</summary>
    public CapturedLog Log { get; }
    public string ConnectionString { get; }
    public IServiceProvider Services => _app.Services;

    /// <summary>A client with its own connections, using this certificate if the server listens on https.</summary>
    public HttpClient Connect(X509Certificate2? certificate = null)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        // The tests make the server's certificate.
#pragma warning disable CA5359
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        if (certificate is not null)
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        return new HttpClient(handler) { BaseAddress = Address };
    }

    /// <summary>Starts a server on a database of its own that holds <see cref="World"/>.</summary>
    public static async Task<ServerUnderTest> StartAsync(params string[] settings)
    {
        var database = await NewWorldAsync();
        return await StartAsync(database, database.ConnectionString, new TestClock(), customise: null, settings);
    }

    /// <param name="customise">Replaces the outside world.</param>
    public static async Task<ServerUnderTest> StartAsync(Action<WebApplicationBuilder> customise, params string[] settings)
    {
        var database = await NewWorldAsync();
        return await StartAsync(database, database.ConnectionString, new TestClock(), customise, settings);
    }

    /// <param name="keywords">Appended to the connection string, as an operator would.</param>
    public static async Task<ServerUnderTest> StartConnectedAsync(string keywords, params string[] settings)
    {
        var database = await NewWorldAsync();
        return await StartAsync(database, $"{database.ConnectionString};{keywords}", new TestClock(), customise: null, settings);
    }

    /// <summary>A node on an existing database.</summary>
    public static Task<ServerUnderTest> StartOnAsync(string connectionString, params string[] settings) => StartAsync(null, connectionString, new TestClock(), null, settings);

    /// <param name="customise">Replaces the outside world.</param>
    public static Task<ServerUnderTest> StartOnAsync(string connectionString, Action<WebApplicationBuilder> customise, params string[] settings) =>
        StartAsync(null, connectionString, new TestClock(), customise, settings);

    /// <summary>A second node on the same database.</summary>
    public Task<ServerUnderTest> StartNodeAsync(params string[] settings) => StartAsync(null, ConnectionString, Clock, null, settings);

    /// <summary>A second node with its own clock.</summary>
    public Task<ServerUnderTest> StartNodeAsync(TestClock clock, params string[] settings) => StartAsync(null, ConnectionString, clock, null, settings);

    /// <summary>As after SIGTERM.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        if (_database is not null)
            await _database.DisposeAsync();
    }

    private static async Task<ServerUnderTest> StartAsync(TestDatabase? database, string connectionString, TestClock clock, Action<WebApplicationBuilder>? customise, string[] settings)
    {
        var log = new CapturedLog();
        var app = await Program.BuildAsync(Arguments(connectionString, settings), builder =>
        {
            builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(log);
            builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(clock));
            customise?.Invoke(builder);
        });
        await Program.PrepareAsync(app, CommandLine.Parse([]));
        await app.StartAsync();
        return new ServerUnderTest(app, database, clock, log, connectionString);
    }

    /// <summary>A clone of <see cref="World"/>.</summary>
    private static Task<TestDatabase> NewWorldAsync() => TestDatabase.CreateAsync("world", BuildWorldAsync, RenewKeysAsync);

    /// <summary>The template serves every run of a build, and keys of another day would be rotated.</summary>
    private static async Task RenewKeysAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("UPDATE keys SET created_at = now(), signs_from = now()", connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task BuildWorldAsync(string connectionString)
    {
        await using var app = await Program.BuildAsync(Arguments(connectionString, []), builder => builder.Logging.ClearProviders());
        await Program.PrepareAsync(app, CommandLine.Parse([]));
        await World.SeedAsync(app.Services);
    }

    private static string[] Arguments(string connectionString, string[] settings) =>
    [
        "--environment=Development",
        "--urls=http://127.0.0.1:0",
        $"--contentRoot={AppContext.BaseDirectory}",
        // Nobody edits the settings of a test, and hundreds of watchers would use up what inotify gives a user.
        "--hostBuilder:reloadConfigOnChange=false",
        $"--ConnectionStrings:IdentityServer={connectionString}",
        // The world is what a test database holds, not the development manifest.
        "--IdentityServer:Manifest=",
        "--Limits:Enabled=false",
        "--Password:Iterations=1000",
        $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
        .. settings,
    ];
}
