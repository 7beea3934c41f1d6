using System.Net.Sockets;
using IdentityServer.Accounts;
using IdentityServer.Accounts.Pages;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Faults;
using IdentityServer.Health;
using IdentityServer.Http;
using IdentityServer.Jobs;
using IdentityServer.Keys;
using IdentityServer.Limits;
using IdentityServer.Mail;
using IdentityServer.Manifest;
using IdentityServer.Outbound;
using IdentityServer.Outbox;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using LocalPostgres;
using Npgsql;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Settings;

namespace IdentityServer;

/// <summary>Composition only: an Add… and a Map… for each feature.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        var isStarted = false;
        try
        {
            var command = CommandLine.Parse(args);
            if (command.Command == CommandLine.Help)
            {
                Console.WriteLine(CommandHelp.Of(command.File));
                return 0;
            }
            if (command.Command == CommandLine.ManifestSchema)
            {
                Console.WriteLine(ManifestSchema.Text);
                return 0;
            }
            if (command.Command == CommandLine.HealthCheck)
                return await HealthCheck.RunAsync(command.Settings, "http://localhost:5000");

            await using var app = await BuildAsync(command.Settings, command: command.Command);
            await PrepareAsync(app, command);
            if (command.Command == CommandLine.Serve)
            {
                // Returns the memory that only the start needed.
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                await ListenAsync(app);
                isStarted = true;
                await app.WaitForShutdownAsync();
            }
            return 0;
        }
        catch (StartupException refused)
        {
            await Console.Error.WriteLineAsync(refused.Message);
            return refused.ExitCode;
        }
        // An unforeseen error at start is one line too; later, it ends the program with its stack trace.
        catch (Exception unforeseen) when (!isStarted)
        {
            await Console.Error.WriteLineAsync($"The program can't start: {unforeseen.Message.ReplaceLineEndings(" ")}");
            return 1;
        }
    }

    private static async Task ListenAsync(WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        // The address is in use, not on this machine, malformed, or https without a certificate.
        catch (Exception unusable) when (unusable is IOException or SocketException or FormatException or ArgumentOutOfRangeException or InvalidOperationException)
        {
            throw new StartupException($"The address {app.Configuration[WebHostDefaults.ServerUrlsKey]} can't be used: {FirstLine(unusable)} Choose another with ASPNETCORE_URLS.", unusable);
        }
    }

    private static WebApplicationBuilder CreateBuilder(string[] args)
    {
        try
        {
            // Without IIS, HTTP/3 and host filtering, which are not used here: saves 3 MB of memory and a tenth of a second at start.
            var builder = WebApplication.CreateSlimBuilder(args);
            builder.WebHost.UseKestrelHttpsConfiguration();
            OwnSettings.AddBelow(builder.Configuration, builder.Environment);
            return builder;
        }
        catch (Exception unreadable) when (unreadable is InvalidDataException or FormatException or DirectoryNotFoundException)
        {
            throw new StartupException($"The settings can't be read: {FirstLine(unreadable)} {FirstLine(unreadable.GetBaseException())}", unreadable);
        }
    }

    private static string FirstLine(Exception fault) => fault.Message.Split('\n')[0].TrimEnd();

    /// <param name="customise">Tests replace the clock and the outside world here.</param>
    internal static async Task<WebApplication> BuildAsync(string[] args, Action<WebApplicationBuilder>? customise = null, string command = CommandLine.Serve)
    {
        var isStarted = false;
        var builder = CreateBuilder(args);
        LogLevels.Require(builder.Configuration);
        var settings = new SettingsReader(builder.Configuration, builder.Environment);
        builder.AddServiceDefaults(settings, "identityserver", () => Volatile.Read(ref isStarted), ServerMetrics.MeterName);
        // EF Core queries its history table before it creates it; real failures we log ourselves.
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore.Database.Command", LogLevel.None);
        var mutualTls = builder.Services.AddSettings<MutualTlsSettings>(settings);
        var connections = settings.Read<ConnectionSettings>();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Kestrel reads this far beyond our own limit of 64 KiB, so that a client gets 413 instead of a reset.
            kestrel.Limits.MaxRequestBodySize = 16 * 1024 * 1024;
            ConnectionLimits.Apply(kestrel.Limits, connections);
            ClientCertificates.Apply(kestrel, mutualTls);
        });

        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<ServerMetrics>();
        builder.Services.AddHealthChecks().AddCheck<RecentBeat>("beat");
        builder.Services.AddOutbound(settings);
        builder.Services.AddLimits(settings);
        builder.Services.AddProtocol(settings, mutualTls);
        builder.Services.AddPasswords(settings);
        builder.Services.AddJobs(settings);
        builder.AddDrain(settings);
        builder.Services.AddSingleton(services => new RequestDeadlines(connections.RequestTimeout, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<IFaultWords, FaultWords>();
        builder.Services.AddBrowserOrigins(settings);
        builder.Services.AddKnownProxies(settings);
        builder.Services.AddForwardedCertificates(mutualTls);
        builder.Services.AddKeys(settings, isNeeded: command is not (CommandLine.Migrate or CommandLine.Plan));
        builder.Services.AddManifest(settings);
        builder.Services.AddOutbox();
        builder.Services.AddMail(settings);
        builder.Services.AddAccounts(settings);
        builder.Services.AddPages(settings);

        var database = settings.Read<DatabaseSettings>();

        // Last: every setting has been read before a database is started for it.
        using var loggers = LoggerFactory.Create(logging => logging.AddConfiguration(builder.Configuration.GetSection("Logging")).AddSimpleConsole());
        var (connectionString, postgres) = await LocalPostgresSettings.ResolveAsync(
            builder.Configuration, builder.Environment, "IdentityServer", "identityserver", loggers.CreateLogger("LocalPostgres"), CancellationToken.None);
        if (postgres is not null)
            builder.Services.AddSingleton(_ => postgres);
        builder.Services.AddStorage(connectionString, database);
        builder.Services.AddClients();
        customise?.Invoke(builder);

        var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(() => Volatile.Write(ref isStarted, true));
        UnknownSettings.Warn(app.Configuration, [.. settings.Names, .. LocalPostgresSettings.NamesFor("IdentityServer")], app.Logger);
        // Resolved so that the container releases our share of the private server when the program ends.
        _ = postgres is null ? null : app.Services.GetRequiredService<LocalPostgresServer>();
        try
        {
            Map(app);
            return app;
        }
        catch
        {
            // Mapping resolves services, and one may fail, such as a mail folder that is not writable.
            await app.DisposeAsync();
            throw;
        }
    }

    private static void Map(WebApplication app)
    {
        app.Services.GetRequiredService<ServerMetrics>().WatchSnapshot(() => app.Services.GetRequiredService<Pulse>().LastBeat);
        app.UseRequestOutcomes(app.Services.GetRequiredService<ServerMetrics>().Requests);
        app.UseForwardedCertificates();
        app.UseForwardedHeaders();
        if (app.Services.GetRequiredService<IssuerSettings>().Path is { Length: > 0 } path)
            app.UsePathBase(path);
        app.UseFaultAnswers();
        app.UseRouting();
        app.UseCors();
        // OpenIddict answers its mapped routes here.
        app.UseAuthentication();
        app.MapHealth(HealthText.WriteAsync);
        app.MapProtocol();
        app.MapAccounts();
        app.MapPages();
    }

    /// <summary>Schema, keys and manifest, then the first beat: nothing is served before all of that is done. The command migrate does only the schema.</summary>
    internal static async Task PrepareAsync(WebApplication app, CommandLine command)
    {
        var manifests = app.Services.GetRequiredService<ManifestApplication>();
        var manifest = manifests.Read(command);
        if (command.Command == CommandLine.Plan)
        {
            await Database.LookAsync(app.Services, (connection, cancellationToken) => manifests.ApplyAsync(connection, manifest!, command, cancellationToken), CancellationToken.None);
            return;
        }
        await Database.PrepareAsync(app.Services, async (connection, cancellationToken) =>
        {
            var keys = app.Services.GetRequiredService<KeyStore>();
            if (command.Command == CommandLine.ReplaceKeys)
                Console.WriteLine($"Replaced {Counted(await keys.ReplaceAsync(connection, cancellationToken))}: every token issued before is dead.");
            else if (command.Command != CommandLine.Migrate)
                await keys.EnsureAsync(connection, cancellationToken);
            if (command.Command == CommandLine.RewrapKeys)
                Console.WriteLine($"Encrypted {Counted(await KeyRingRepository.RewriteAsync(connection, app.Services.GetRequiredService<KeyRingRewrap>().Rewrap, cancellationToken))} of the ring with {DataProtectionSettings.Name}.");
            if (command.Command == CommandLine.ImportOpenIddict)
                await app.Services.GetRequiredService<OpenIddictImport>().RunAsync(connection, command, cancellationToken);
            if (manifest is not null)
                await manifests.ApplyAsync(connection, manifest, command, cancellationToken);
        }, CancellationToken.None);
        if (command.Command == CommandLine.Serve)
            await BeatAsync(app.Services.GetRequiredService<Pulse>());
    }

    private static string Counted(int keys) => keys == 1 ? "1 key" : $"{keys} keys";

    private static async Task BeatAsync(Pulse pulse)
    {
        try
        {
            await pulse.BeatAsync(CancellationToken.None);
        }
        catch (NpgsqlException away)
        {
            throw new StartupException($"PostgreSQL can't be reached through ConnectionStrings:IdentityServer: {FirstLine(away.InnerException ?? away)}", away);
        }
    }
}
