using Microsoft.AspNetCore.Identity;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace OpenIddictPeer;

/// <summary>The same clients and scopes as in our server's database, and users to sign in: <c>user0</c>, <c>user1</c>, …</summary>
internal static class Seed
{
    public const int Users = 100;

    public static readonly string[] Scopes = ["data:read", "data:write"];

    public static async Task RunAsync(IServiceProvider services, IConfiguration settings)
    {
        await using var scope = services.CreateAsyncScope();
        var provider = scope.ServiceProvider;
        await provider.GetRequiredService<ApplicationDbContext>().Database.EnsureCreatedAsync();

        var (client, api, secret) = (settings["PEER_CLIENT"]!, settings["PEER_API"]!, settings["PEER_SECRET"]!);
        var applications = provider.GetRequiredService<IOpenIddictApplicationManager>();
        await applications.CreateAsync(new OpenIddictApplicationDescriptor
        {
            ClientId = client,
            ClientSecret = secret,
            DisplayName = "Benchmark",
            ConsentType = ConsentTypes.Implicit,
            RedirectUris = { new Uri(settings["PEER_CALLBACK"]!) },
            Permissions =
            {
                Permissions.Endpoints.Authorization,
                Permissions.Endpoints.Token,
                Permissions.Endpoints.Revocation,
                Permissions.GrantTypes.AuthorizationCode,
                Permissions.GrantTypes.ClientCredentials,
                Permissions.GrantTypes.Password,
                Permissions.GrantTypes.RefreshToken,
                Permissions.ResponseTypes.Code,
                Permissions.Prefixes.Scope + Scopes[0],
                Permissions.Prefixes.Scope + Scopes[1],
            },
            Requirements = { Requirements.Features.ProofKeyForCodeExchange },
        });
        await applications.CreateAsync(new OpenIddictApplicationDescriptor
        {
            ClientId = api,
            ClientSecret = secret,
            Permissions = { Permissions.Endpoints.Introspection },
        });

        var scopes = provider.GetRequiredService<IOpenIddictScopeManager>();
        foreach (var name in Scopes)
            await scopes.CreateAsync(new OpenIddictScopeDescriptor { Name = name, Resources = { api } });

        var users = provider.GetRequiredService<UserManager<IdentityUser>>();
        for (var n = 0; n < Users; n++)
        {
            var result = await users.CreateAsync(new IdentityUser(FormattableString.Invariant($"user{n}")), settings["PEER_PASSWORD"]!);
            if (!result.Succeeded)
                throw new InvalidOperationException(result.ToString());
        }
    }
}
