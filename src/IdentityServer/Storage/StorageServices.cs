using IdentityServer.Settings;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>Registers the database and its stores.</summary>
internal static class StorageServices
{
    public static void AddStorage(this IServiceCollection services, string connectionString, DatabaseSettings settings)
    {
        services.AddSingleton<NpgsqlDataSource>(_ => Database.Open(connectionString));
        services.AddKeyedSingleton<NpgsqlDataSource>(Database.PulseSource, (_, _) => Database.OpenForPulse(connectionString));
        services.AddSingleton(settings);
        services.AddSingleton(new DatabaseGate(settings.QueueLength));
        services.AddDbContext<AuthDb>((provider, options) => options.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddSingleton<GrantStore>();
        services.AddSingleton<CodeStore>();
        services.AddSingleton<UserInfoStore>();
        services.AddSingleton<UsedJwts>();
        services.AddSingleton<Revocations>();
        services.AddSingleton<RevocationFeed>();
    }
}
