using IdentityServer.ResourceServer;
using LocalPostgres;
using Microsoft.Extensions.Options;
using ResourceApi.Data;
using ResourceApi.Health;
using ResourceApi.OpenApi;
using ResourceApi.Storage;
using ResourceApi.Telemetry;
using ResourceApi.Web;
using ServiceDefaults;
using ServiceDefaults.Settings;
using ServiceDefaults.Storage;

namespace ResourceApi;

/// <summary>The running program: settings checked, database migrated, listening. Stops in the reverse order.</summary>
internal sealed class ResourceApiHost : IAsyncDisposable
{
    internal const string DefaultAddress = "http://localhost:5010";

    // Kestrel reads this far beyond our own limit for bodies, so that a client gets 413 instead of a reset.
    private const long MaximumDrained = 16 * 1024 * 1024;

    private readonly WebApplication _app;
    private readonly LocalPostgresServer? _postgres;

    private ResourceApiHost(WebApplication app, LocalPostgresServer? postgres) => (_app, _postgres) = (app, postgres);

    /// <summary>The package reads these itself, by the names of its options.</summary>
    internal static IEnumerable<string> TokenSettings =>
        from option in typeof(IdentityServerTokensOptions).GetProperties()
        where option.PropertyType.IsValueType || option.PropertyType == typeof(string)
        select option.Name == nameof(IdentityServerTokensOptions.MaxStaleness) ? "Revocation:MaxStaleness" : $"ResourceApi:{option.Name}";

    public IEnumerable<string> Addresses => _app.Urls;

    public IServiceProvider Services => _app.Services;

    /// <exception cref="StartupException">What the operator has to change, in one line.</exception>
    public static async Task<ResourceApiHost> StartAsync(string[] args, Action<IServiceCollection>? configure = null)
    {
        var isStarted = false;
        var connectionString = "";
        var builder = CreateBuilder(args);
        LogLevels.Require(builder.Configuration);
        var settings = new SettingsReader(builder.Configuration, builder.Environment);
        builder.AddServiceDefaults(settings, "resourceapi", () => Volatile.Read(ref isStarted), ApiMetrics.MeterName, "IdentityServer.ResourceServer");
        builder.Services.AddSingleton<ApiMetrics>();
        var origins = settings.Read<CorsOrigins>();
        builder.Services.AddIdentityServerTokens(builder.Configuration, "ResourceApi", options =>
        {
            options.Scopes.Add(DataEndpoints.ReadScope);
            options.Scopes.Add(DataEndpoints.WriteScope);
            options.WriteError = Envelope.RefuseAsync;
        });
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(origins.Configure));
        builder.Services.AddSingleton(services => Database.Open(connectionString, services.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddKeyedSingleton(Readiness.Source, (_, _) => Database.OpenForProbes(connectionString));
        builder.Services.AddSingleton(new DatabaseGate(settings.Read<DatabaseSettings>().QueueLength));
        builder.AddDrain(settings);
        var connections = settings.Read<ConnectionSettings>();
        builder.WebHost.ConfigureKestrel(kestrel => ConnectionLimits.Apply(kestrel.Limits, connections));
        builder.Services.AddSingleton(services => new RequestDeadlines(connections.RequestTimeout, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<ItemStore>();
        builder.Services.AddSingleton<DataEndpoints>();
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddHealthChecks().AddCheck<Readiness>("readiness");
        builder.Services.AddDataApiDocument();
        configure?.Invoke(builder.Services);

        var app = builder.Build();
        LocalPostgresServer? postgres = null;
        try
        {
            CheckSettings(app);
            UnknownSettings.Warn(app.Configuration, [.. settings.Names, .. TokenSettings, .. LocalPostgresSettings.NamesFor("ResourceApi")], app.Logger);
            KestrelRefusals.Answer(app, FaultResponses.DescribeNoRequest);
            (connectionString, postgres) = await LocalPostgresSettings.ResolveAsync(
                app.Configuration, app.Environment, "ResourceApi", "resource_api", app.Logger, app.Lifetime.ApplicationStopping);
            await Schema.MigrateAsync(connectionString, app.Lifetime.ApplicationStopping);
            Map(app);
            await ListenAsync(app);
            Volatile.Write(ref isStarted, true);
            return new ResourceApiHost(app, postgres);
        }
        catch
        {
            await app.DisposeAsync();
            if (postgres is not null)
                await postgres.DisposeAsync();
            throw;
        }
    }

    public Task WaitForShutdownAsync() => _app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
    }

    private static WebApplicationBuilder CreateBuilder(string[] args)
    {
        WebApplicationBuilder builder;
        try
        {
            builder = WebApplication.CreateSlimBuilder(args);
            OwnSettings.AddBelow(builder.Configuration, builder.Environment);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException)
        {
            throw new StartupException($"The settings can't be read: {OneLine(e)}", e);
        }

        var configuration = builder.Configuration;
        if (configuration["urls"] is null && configuration["http_ports"] is null && configuration["https_ports"] is null
            && !configuration.GetSection("Kestrel:Endpoints").Exists())
            builder.WebHost.UseUrls(DefaultAddress);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaximumDrained;
        });
        return builder;
    }

    private static void CheckSettings(WebApplication app)
    {
        try
        {
            app.Services.GetRequiredService<IStartupValidator>().Validate();
        }
        catch (OptionsValidationException e)
        {
            throw new StartupException(string.Join(Environment.NewLine, e.Failures), e);
        }
    }

    private static void Map(WebApplication app)
    {
        app.UseMiddleware<RequestOutcomes>();
        app.UseMiddleware<FaultResponses>();
        RawPath.Use(app);
        app.UseRouting();
        app.UseCors();
        app.UseAuthentication();
        app.UseAuthorization();
        DataEndpoints.Map(app);
        app.MapHealth(HealthEnvelope.WriteAsync);
        app.MapProtectedResourceMetadata();
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
    }

    private static async Task ListenAsync(WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or FormatException or InvalidOperationException or ArgumentException)
        {
            throw new StartupException($"ASPNETCORE_URLS is \"{app.Configuration["urls"] ?? DefaultAddress}\": {OneLine(e).TrimEnd('.')}. It may be a free address such as {DefaultAddress}.", e);
        }
    }

    private static string OneLine(Exception e) => (e.InnerException is null ? e.Message : e.Message + " " + e.InnerException.Message).ReplaceLineEndings(" ");
}
