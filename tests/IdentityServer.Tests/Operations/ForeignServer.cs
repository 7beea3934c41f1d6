using IdentityServer.Manifest;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OpenIddict.Abstractions;
using Testing;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.Operations;

/// <summary>The database of another application's OpenIddict server, written by OpenIddict's own managers.</summary>
internal sealed class ForeignServer : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly ServiceProvider _services;

    private ForeignServer(TestDatabase database, ServiceProvider services) => (_database, _services) = (database, services);

    public string ConnectionString => _database.ConnectionString;

    /// <param name="hasGuidKeys">Otherwise its keys are text, which is OpenIddict's default.</param>
    public static async Task<ForeignServer> StartAsync(bool hasGuidKeys = false)
    {
        var database = await TestDatabase.CreateAsync(hasGuidKeys ? "foreignguid" : "foreigntext", async connectionString =>
        {
            await using var services = Open(connectionString, hasGuidKeys);
            await using var scope = services.CreateAsyncScope();
            await (hasGuidKeys ? (DbContext)scope.ServiceProvider.GetRequiredService<GuidKeys>() : scope.ServiceProvider.GetRequiredService<TextKeys>()).Database.EnsureCreatedAsync();
        });
        return new ForeignServer(database, Open(database.ConnectionString, hasGuidKeys));
    }

    private static ServiceProvider Open(string connectionString, bool hasGuidKeys)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        if (hasGuidKeys)
        {
            services.AddDbContext<GuidKeys>(options => options.UseNpgsql(connectionString).UseOpenIddict<Guid>());
            services.AddOpenIddict().AddCore(core => core.UseEntityFrameworkCore().UseDbContext<GuidKeys>().ReplaceDefaultEntities<Guid>());
        }
        else
        {
            services.AddDbContext<TextKeys>(options => options.UseNpgsql(connectionString).UseOpenIddict());
            services.AddOpenIddict().AddCore(core => core.UseEntityFrameworkCore().UseDbContext<TextKeys>());
        }
        return services.BuildServiceProvider();
    }

    /// <summary>A scope, and a client of each kind.</summary>
    public async Task FillAsync()
    {
        await HasScopeAsync("orders:read", "https://orders.example");
        await HasApplicationAsync(new()
        {
            ClientId = "worker", ClientSecret = "worker-secret", DisplayName = "The worker",
            Permissions = { Permissions.Endpoints.Token, Permissions.GrantTypes.ClientCredentials, Permissions.Prefixes.Scope + "orders:read" },
        });
        await HasApplicationAsync(Browser("page"));
    }

    /// <summary>A public client with the code flow at <c>https://{id}.example/callback</c>.</summary>
    public static OpenIddictApplicationDescriptor Browser(string id, params string[] but)
    {
        var application = new OpenIddictApplicationDescriptor
        {
            ClientId = id, ClientType = ClientTypes.Public, ConsentType = ConsentTypes.Explicit, RedirectUris = { new Uri($"https://{id}.example/callback") },
            PostLogoutRedirectUris = { new Uri($"https://{id}.example/out") },
            Permissions =
            {
                Permissions.Endpoints.Authorization, Permissions.Endpoints.Token, Permissions.Endpoints.EndSession, Permissions.ResponseTypes.Code,
                Permissions.GrantTypes.AuthorizationCode, Permissions.GrantTypes.RefreshToken, Permissions.Scopes.Profile, Permissions.Scopes.Email,
            },
            Requirements = { Requirements.Features.ProofKeyForCodeExchange },
        };
        application.Permissions.UnionWith(but);
        return application;
    }

    public Task HasApplicationAsync(OpenIddictApplicationDescriptor application) =>
        WithAsync(services => services.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(application));

    public Task HasScopeAsync(string name, params string[] resources)
    {
        var scope = new OpenIddictScopeDescriptor { Name = name };
        scope.Resources.UnionWith(resources);
        return WithAsync(services => services.GetRequiredService<IOpenIddictScopeManager>().CreateAsync(scope));
    }

    public Task HasAuthorizationAsync(string clientId, string subject, string[] scopes, string type = AuthorizationTypes.Permanent, string status = Statuses.Valid) => WithAsync(async services =>
    {
        var applications = services.GetRequiredService<IOpenIddictApplicationManager>();
        var authorization = new OpenIddictAuthorizationDescriptor
        {
            ApplicationId = await applications.GetIdAsync((await applications.FindByClientIdAsync(clientId))!), CreationDate = new DateTimeOffset(2025, 6, 1, 0, 0, 0, TimeSpan.Zero),
            Subject = subject, Type = type, Status = status,
        };
        authorization.Scopes.UnionWith(scopes);
        await services.GetRequiredService<IOpenIddictAuthorizationManager>().CreateAsync(authorization);
    });

    /// <summary>Writes what no manager would.</summary>
    public async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        Assert.InRange(await Around.Command(connection, sql, values).ExecuteNonQueryAsync(), 1, 10_000);
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _database.DisposeAsync();
    }

    private async Task WithAsync(Func<IServiceProvider, ValueTask> act)
    {
        await using var scope = _services.CreateAsyncScope();
        await act(scope.ServiceProvider);
    }

    private Task WithAsync<T>(Func<IServiceProvider, ValueTask<T>> act) => WithAsync(async services => { await act(services); });

    internal sealed class TextKeys(DbContextOptions<TextKeys> options) : DbContext(options);

    internal sealed class GuidKeys(DbContextOptions<GuidKeys> options) : DbContext(options);
}

internal static class Importing
{
    /// <summary>The row counts of what an import writes.</summary>
    public const string State =
        """
        SELECT (SELECT count(*) FROM clients) || ' ' || (SELECT count(*) FROM resources) || ' ' || (SELECT count(*) FROM scopes) || ' ' || (SELECT count(*) FROM authorizations)
            || ' ' || (SELECT count(*) FROM audit_events) || ' ' || (SELECT version FROM configuration)
        """;

    /// <summary>Imports as the command does, and waits until this node follows.</summary>
    public static async Task<ImportReport> ImportsAsync(this ServerUnderTest server, string connectionString, bool isDryRun = false)
    {
        ImportReport? report = null;
        await Database.PrepareAsync(
            server.Services,
            async (connection, cancellationToken) => report = await server.Services.GetRequiredService<OpenIddictImport>().ImportAsync(connection, connectionString, isDryRun, cancellationToken),
            CancellationToken.None);
        await Operator.FollowsAsync(server);
        return report!;
    }
}
