using System.Collections.Immutable;
using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using Testing;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>A consent as OpenIddict's manager sees it.</summary>
public sealed class PermanentAuthorizationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Allowed =
        "SELECT string_agg(s, ' ' ORDER BY s) FROM authorizations, jsonb_array_elements_text(scopes) s WHERE subject = $1 AND type = 'permanent' AND status = 'valid'";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact]
    public async Task A_consent_is_one_permanent_authorization_that_the_manager_finds()
    {
        var (id, user) = await NewUserAsync();
        var first = _server.Clock.GetUtcNow();
        await user.GetsCodeAsync(CodeFlow.WebRequest(("claims", """{"userinfo":{"phone_number":null}}""")));
        _server.Clock.Advance(TimeSpan.FromSeconds(10));
        await user.GetsCodeAsync(CodeFlow.WebRequest(("scope", "openid email"), ("claims", """{"userinfo":{"birthdate":null}}""")));

        await using var scope = _server.Services.CreateAsyncScope();
        var manager = scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>();
        var found = Assert.Single(await FindAsync(scope.ServiceProvider, id, ["openid", "profile", "email"]));
        Assert.Equal(["email", "openid", "profile"], await manager.GetScopesAsync(found));
        Assert.InRange((await manager.GetCreationDateAsync(found))!.Value, first, first.AddSeconds(9));
        var properties = await manager.GetPropertiesAsync(found);
        Assert.Equal(["birthdate", "phone_number"], properties["claims"].EnumerateArray().Select(claim => claim.GetString()));
        Assert.InRange(properties["granted_at"].GetDateTimeOffset(), first.AddSeconds(10), _server.Clock.GetUtcNow());
    }

    [Fact]
    public async Task An_authorization_that_the_manager_creates_or_revokes_takes_effect()
    {
        var (id, user) = await NewUserAsync();
        await using var scope = _server.Services.CreateAsyncScope();
        var manager = scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>();
        await manager.CreateAsync(await DescribeAsync(scope.ServiceProvider, id));

        Assert.NotNull((await user.AuthorizesAsync(CodeFlow.WebRequest())).Sent("code"));
        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest(("scope", "openid email")))).Has("consent-allow"));
        await user.GetsCodeAsync(CodeFlow.WebRequest(("scope", "openid email")));
        Assert.Equal("email openid profile", await _server.ReadAsync<string>(Allowed, id));
        // There is one per user and client: callers look for it before they create one.
        await using (var other = _server.Services.CreateAsyncScope())
            await Assert.ThrowsAsync<DbUpdateException>(async () => await other.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().CreateAsync(await DescribeAsync(other.ServiceProvider, id)));

        await using (var other = _server.Services.CreateAsyncScope())
            Assert.True(await other.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().TryRevokeAsync(Assert.Single(await FindAsync(other.ServiceProvider, id, []))));
        Assert.True((await user.AuthorizesAsync(CodeFlow.WebRequest())).Has("consent-allow"));
        await user.GetsCodeAsync(CodeFlow.WebRequest(("scope", "openid")));
        Assert.Equal("openid", await _server.ReadAsync<string>(Allowed, id));
    }

    [Theory, Rfc("OIDC Core", "3.1.2.4")]
    [InlineData("INSERT INTO authorizations (id, type, status, application_id, subject, scopes) SELECT gen_random_uuid(), 'permanent', 'valid', id, $1, '[\"email\"]' FROM applications WHERE client_id = 'web'", "email openid profile")]
    [InlineData("UPDATE authorizations SET status = 'revoked' WHERE subject = $1", "openid profile")]
    [InlineData("UPDATE authorizations SET scopes = '[\"phone\"]' WHERE subject = $1", "openid phone profile")]
    public async Task Concurrent_changes_to_a_consent_are_applied_one_after_the_other(string meanwhile, string allowed)
    {
        var (id, user) = await NewUserAsync();
        if (meanwhile[0] == 'U')
            await user.GetsCodeAsync(CodeFlow.WebRequest(("scope", "openid email")));
        var page = await user.AuthorizesAsync(CodeFlow.WebRequest());

        var pressed = await _server.WaitsForAsync(() => user.PressAsync(page, "consent-allow"), meanwhile, id);

        Assert.NotNull(pressed.Sent("code"));
        Assert.Equal(allowed, await _server.ReadAsync<string>(Allowed, id));
    }

    [Fact, Rfc("7592", "2.3")]
    public async Task A_consent_is_deleted_with_its_client_and_one_that_arrives_too_late_is_not_a_500()
    {
        var (id, user) = await NewUserAsync();
        await _server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = "leaving", AuthMethod = "none", GrantTypes = ["authorization_code"], RedirectUris = ["https://leaving.example/callback"], Scopes = ["openid", "email"],
        }));
        var request = CodeFlow.NativeRequest(("client_id", "leaving"), ("redirect_uri", "https://leaving.example/callback"), ("scope", "openid"));
        await user.GetsCodeAsync(request);
        var page = await user.AuthorizesAsync(new(request) { ["scope"] = "openid email" });

        var pressed = await _server.WaitsForAsync(() => user.PressAsync(page, "consent-allow"), "DELETE FROM applications WHERE client_id = 'leaving'");

        Assert.NotEqual(HttpStatusCode.InternalServerError, pressed.Status);
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM authorizations WHERE subject = $1", id));
    }

    [Theory]
    [InlineData("DELETE FROM users WHERE id::text = $1")]
    [InlineData("TRUNCATE users CASCADE")]
    public async Task A_deleted_account_leaves_no_authorizations(string delete)
    {
        await using var server = await ServerUnderTest.StartAsync();
        var name = await server.HasUserAsync();
        var id = (await server.ReadIdAsync("SELECT id FROM users WHERE user_name = $1", name)).ToString();
        await (await server.HasBrowserOfAsync(name)).GetsCodeAsync(CodeFlow.WebRequest());
        await (await server.HasBrowserOfAsync()).GetsCodeAsync(CodeFlow.WebRequest());
        await server.ExecuteAsync("INSERT INTO authorizations (id, type, status, subject) VALUES (gen_random_uuid(), 'ad-hoc', 'valid', $1), (gen_random_uuid(), 'permanent', 'revoked', $1)", id);

        await (delete[0] == 'D' ? server.ExecuteAsync(delete, id) : server.ExecuteAsync(delete));

        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM authorizations WHERE subject = $1", id));
        Assert.Equal(delete[0] == 'D' ? 1 : 0, await server.ReadAsync<int>("SELECT count(*) FROM authorizations"));
    }

    private static async Task<List<object>> FindAsync(IServiceProvider services, string subject, ImmutableArray<string> scopes)
    {
        var found = new List<object>();
        await foreach (var authorization in services.GetRequiredService<IOpenIddictAuthorizationManager>().FindAsync(subject, await WebAsync(services), Statuses.Valid, AuthorizationTypes.Permanent, scopes))
            found.Add(authorization);
        return found;
    }

    private static async Task<OpenIddictAuthorizationDescriptor> DescribeAsync(IServiceProvider services, string subject) => new()
    {
        ApplicationId = await WebAsync(services), Subject = subject, Status = Statuses.Valid, Type = AuthorizationTypes.Permanent, Scopes = { "openid", "profile" },
    };

    private static async Task<string?> WebAsync(IServiceProvider services)
    {
        var applications = services.GetRequiredService<IOpenIddictApplicationManager>();
        return await applications.GetIdAsync((await applications.FindByClientIdAsync(World.Web))!);
    }

    private async Task<(string Id, Browser Browser)> NewUserAsync()
    {
        var name = await _server.HasUserAsync();
        return ((await _server.ReadIdAsync("SELECT id FROM users WHERE user_name = $1", name)).ToString(), await _server.HasBrowserOfAsync(name));
    }
}
