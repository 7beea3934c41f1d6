using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Settings;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OpenIddict.Core;
using Postgres;

namespace IdentityServer.Storage;

/// <summary>The database, what nodes hold in memory of it, and the check of passwords and secrets against it.</summary>
internal static class StorageServices
{
    public static void AddStorage(this IServiceCollection services, string connectionString, DatabaseSettings settings)
    {
        services.AddSingleton<NpgsqlDataSource>(_ => Database.Open(connectionString));
        services.AddKeyedSingleton<NpgsqlDataSource>(Pulse.Source, (_, _) => Database.OpenForPulse(connectionString));
        services.AddSingleton(settings);
        services.AddSingleton(new DatabaseGate(settings.QueueLength));
        services.AddDbContext<AuthDb>((provider, options) => options.UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>()));
        // Nodes follow one another by the snapshot of Configuration; a cache of single rows would not.
        services.AddOpenIddict().AddCore(core => core
            .DisableEntityCaching()
            .ReplaceApplicationManager<ApplicationRow, ApplicationManager>()
            .UseEntityFrameworkCore().UseDbContext<AuthDb>().ReplaceDefaultEntities<ApplicationRow, AuthorizationRow, ScopeRow, TokenRow, Guid>());
        services.AddScoped(provider => (ApplicationManager)provider.GetRequiredService<OpenIddictApplicationManager<ApplicationRow>>());
        services.AddScoped<ResourceScopes>();
        services.AddSingleton<GrantStore>();
        services.AddSingleton<CodeStore>();
        services.AddSingleton<UserInfoStore>();
        services.AddSingleton<UsedJwts>();
        services.AddSingleton<Revocations>();
        services.AddSingleton<RevocationFeed>();
        services.AddSingleton<CurrentConfiguration>();
        services.AddSingleton<Pulse>();
        services.AddHostedService(provider => provider.GetRequiredService<Pulse>());
    }

    public static void AddPasswords(this IServiceCollection services, SettingsReader settings)
    {
        var passwords = PasswordSettings.Read(settings);
        services.AddSingleton(passwords);
        services.AddSingleton(LockoutSettings.Read(settings));
        services.AddSingleton<HashingGate>();
        services.AddSingleton<GuessStore>();
        services.AddSingleton<PasswordVerifier>();
        services.AddSingleton<ClientSecrets>();
        // Identity's version 3 format: PBKDF2-HMAC-SHA512.
        services.Configure<PasswordHasherOptions>(hasher => hasher.IterationCount = passwords.Iterations);
        services.AddSingleton<IPasswordHasher<User>, PasswordHasher<User>>();
        services.AddSingleton<ILookupNormalizer, LoginName>();
    }
}
