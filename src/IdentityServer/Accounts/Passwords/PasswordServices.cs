using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;
using ServiceDefaults.Settings;

namespace IdentityServer.Accounts.Passwords;

internal static class PasswordServices
{
    public static void AddPasswords(this IServiceCollection services, SettingsReader settings)
    {
        var passwords = services.AddSettings<PasswordSettings>(settings);
        services.AddSettings<LockoutSettings>(settings);
        services.AddSingleton<HashingGate>();
        services.AddSingleton<LockoutStore>();
        services.AddSingleton<PasswordVerifier>();
        // Identity's version 3 format: PBKDF2-HMAC-SHA512.
        services.Configure<PasswordHasherOptions>(hasher => hasher.IterationCount = passwords.Iterations);
        services.AddSingleton<IPasswordHasher<User>, PasswordHasher<User>>();
        services.AddSingleton<ILookupNormalizer, LoginName>();
    }
}
