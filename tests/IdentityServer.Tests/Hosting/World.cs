using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace IdentityServer.Tests.Hosting;

/// <summary>The clients, resources and people that every test database starts with.</summary>
internal static class World
{
    public const string Resource = "http://localhost:5010";

    /// <summary>Confidential, all three grants.</summary>
    public const string Shop = "shop";
    public const string ShopSecret = "shop-secret";

    /// <summary>Another confidential client with the same rights.</summary>
    public const string Rival = "rival";
    public const string RivalSecret = "rival secret: %+&=é";

    /// <summary>The client of <see cref="Resource"/>: it may introspect and read the feed.</summary>
    public const string ResourceApi = "resource-api";
    public const string ResourceApiSecret = "resource-api-secret";

    /// <summary>Public, refresh only.</summary>
    public const string Spa = "spa";

    /// <summary>A confidential web application: code flow with PKCE, consent asked for.</summary>
    public const string Web = "web";
    public const string WebSecret = "web-secret";
    public const string WebCallback = "https://web.example/callback";

    /// <summary>The same without PKCE and without consent: what an old library needs, at a first-party client.</summary>
    public const string Portal = "portal";
    public const string PortalSecret = "portal-secret";
    public const string PortalCallback = "https://portal.example/callback";

    /// <summary>A public native application, whose loopback port varies (RFC 8252 §7.3).</summary>
    public const string Native = "native";
    public const string NativeCallback = "http://127.0.0.1/callback";
    public const string NativeScheme = "com.example.native:/callback";

    public const string Alice = "alice";
    public const string AliceEmail = "alice@example.com";
    public const string AlicePassword = "correct horse battery staple";

    public static readonly string[] AllScopes = ["data:read", "data:write", "offline_access"];
    public static readonly string[] SignInScopes = ["openid", "profile", "email", "address", "phone", "roles", .. AllScopes];
    private static readonly string[] AllGrants = ["password", "refresh_token", "client_credentials"];

    public static async Task SeedAsync(IServiceProvider services)
    {
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AuthDb>();
        var secrets = services.GetRequiredService<ClientSecrets>();
        db.Clients.AddRange(
            new ClientRow { ClientId = Shop, Name = "Shop", AuthMethod = "client_secret_basic", SecretHashes = [secrets.Hash(ShopSecret)], GrantTypes = AllGrants, Scopes = AllScopes },
            new ClientRow { ClientId = Rival, Name = "Rival", AuthMethod = "client_secret_post", SecretHashes = [secrets.Hash(RivalSecret)], GrantTypes = AllGrants, Scopes = AllScopes },
            new ClientRow { ClientId = ResourceApi, Name = "Data store", AuthMethod = "client_secret_basic", SecretHashes = [secrets.Hash(ResourceApiSecret)], GrantTypes = ["client_credentials"] },
            new ClientRow { ClientId = Spa, Name = "Single-page app", AuthMethod = "none", GrantTypes = ["refresh_token"], Scopes = AllScopes },
            new ClientRow
            {
                ClientId = Web, Name = "Web application", AuthMethod = "client_secret_basic", SecretHashes = [secrets.Hash(WebSecret)],
                GrantTypes = ["authorization_code", "refresh_token"], Scopes = SignInScopes, RedirectUris = [WebCallback, "https://web.example/other?fixed=1"],
                Metadata = """{"post_logout_redirect_uris":["https://web.example/signed-out"]}""",
            },
            new ClientRow
            {
                ClientId = Portal, Name = "Portal", AuthMethod = "client_secret_post", SecretHashes = [secrets.Hash(PortalSecret)],
                GrantTypes = ["authorization_code", "refresh_token"], Scopes = SignInScopes, RedirectUris = [PortalCallback],
                Metadata = """{"require_pkce":false,"require_consent":false}""",
            },
            new ClientRow
            {
                ClientId = Native, Name = "Native application", AuthMethod = "none",
                GrantTypes = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"], Scopes = SignInScopes, RedirectUris = [NativeCallback, NativeScheme],
                Metadata = """{"application_type":"native"}""",
            });
        db.Resources.Add(new ResourceRow { Identifier = Resource, Name = "Data store", Scopes = ["data:read", "data:write"], ClientId = ResourceApi });
        var admin = new Role { Id = Guid.NewGuid(), Name = "admin", NormalizedName = LoginName.Fold("admin"), Permissions = ["users:manage"] };
        db.Roles.Add(admin);
        var alice = CreateUser(services, Alice, AliceEmail, AlicePassword);
        db.Users.Add(alice);
        db.UserRoles.Add(new IdentityUserRole<Guid> { UserId = alice.Id, RoleId = admin.Id });
        await db.SaveChangesAsync();
        await ConfigurationRows.AnnounceAsync(db, CancellationToken.None);
    }

    public static User CreateUser(IServiceProvider services, string username, string email, string password) => new()
    {
        Id = Guid.NewGuid(),
        UserName = username,
        NormalizedUserName = LoginName.Fold(username),
        Email = email,
        NormalizedEmail = LoginName.Fold(email),
        SecurityStamp = Guid.NewGuid().ToString("N"),
        CreatedAt = services.GetRequiredService<TimeProvider>().GetUtcNow(),
        PasswordHash = services.GetRequiredService<IPasswordHasher<User>>().HashPassword(new User(), password),
    };
}
