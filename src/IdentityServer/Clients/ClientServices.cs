using IdentityServer.Storage;
using OpenIddict.Core;

namespace IdentityServer.Clients;

/// <summary>Applications and scopes: OpenIddict's managers write them, and every node reads them from a snapshot in memory.</summary>
internal static class ClientServices
{
    public static void AddClients(this IServiceCollection services)
    {
        // A cache of single rows would go stale: other nodes' changes arrive with the snapshot only.
        services.AddOpenIddict().AddCore(core => core
            .DisableEntityCaching()
            .ReplaceApplicationManager<ApplicationRow, ApplicationManager>()
            .UseEntityFrameworkCore().UseDbContext<AuthDb>().ReplaceDefaultEntities<ApplicationRow, AuthorizationRow, ScopeRow, TokenRow, Guid>());
        services.AddScoped(provider => (ApplicationManager)provider.GetRequiredService<OpenIddictApplicationManager<ApplicationRow>>());
        services.AddScoped<ResourceScopes>();
        services.AddSingleton<ClientSecrets>();
        services.AddSingleton<CurrentConfiguration>();
        services.AddSingleton<Pulse>();
        services.AddHostedService(provider => provider.GetRequiredService<Pulse>());
    }
}
