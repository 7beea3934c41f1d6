using System.Net;
using IdentityServer.Clients;
using IdentityServer.Storage;
using IdentityServer.Tests.ClientRegistration;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;
using Testing;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.Clients;

/// <summary>Clients are OpenIddict's applications, whoever writes or reads them.</summary>
public sealed class ApplicationManagerTests : IAsyncLifetime
{
    private ServerUnderTest _server = null!;

    public async ValueTask InitializeAsync() => _server = await ServerUnderTest.StartAsync("--Registration:Mode=open");

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    public static TheoryData<string> Metadata =>
    [
        "{}",
        """{"require_pkce":false,"require_consent":false,"application_type":"native"}""",
        """{"require_pkce":true,"require_consent":true,"require_pushed_authorization_requests":true,"dpop_bound_access_tokens":true,"application_type":"web"}""",
        """{"post_logout_redirect_uris":["https://a.example/x?y=1","https://a.example/é"],"contacts":["a@example.com"],"backchannel_logout_uri":"https://a.example/out","default_max_age":0}""",
        """{"post_logout_redirect_uris":[],"jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","note":null}]}}""",
        """{"jwks_uri":"https://a.example/keys","policy_uri":"https://a.example/\"quoted\""}""",
    ];

    /// <summary>Written by the manager, and by SQL on the view as nodes of the previous version do.</summary>
    [Theory, MemberData(nameof(Metadata))]
    public async Task A_client_is_the_same_application_whether_the_manager_or_SQL_writes_it(string metadata)
    {
        await _server.ChangeAsync(db => db.Clients.AddRange(Described("by-view", metadata)));
        await ManagesAsync(async manager =>
        {
            foreach (var client in Described("by-manager", metadata))
                await manager.CreateAsync(client, CancellationToken.None);
        });

        Assert.Equal(0, await DifferAsync());
        foreach (var client in Described("by-manager", metadata))
        {
            var row = await _server.AskAsync(db => db.Clients.AsNoTracking().SingleAsync(one => one.ClientId == client.ClientId));
            Assert.Equal(client.SecretHashes, row.SecretHashes);
            Assert.Equal(client.GrantTypes, row.GrantTypes);
            Assert.Equal(client.Scopes, row.Scopes);
            Assert.Equal(client.RedirectUris, row.RedirectUris);
            Assert.Equal((client.Name, client.AuthMethod, client.SigningAlgorithm, client.Disabled), (row.Name, row.AuthMethod, row.SigningAlgorithm, row.Disabled));
            Assert.Equal(client.RegisteredAt, row.RegisteredAt);
            Assert.Equal(client.RegistrationTokenHash, row.RegistrationTokenHash);
            Assert.True(await _server.ReadAsync<bool>("SELECT $1::jsonb = metadata FROM clients WHERE client_id = $2", metadata, client.ClientId), row.Metadata);
        }

        // And the same after a change.
        await _server.ExecuteAsync("UPDATE clients SET grant_types = '{password}', metadata = '{\"require_consent\":false}', disabled = NOT disabled WHERE client_id LIKE 'by-view%'");
        await ManagesAsync(async manager =>
        {
            foreach (var client in Described("by-manager", metadata))
                Assert.True(await manager.TryChangeAsync(client.ClientId, row => (row.GrantTypes, row.Metadata, row.Disabled) = (["password"], """{"require_consent":false}""", !row.Disabled), CancellationToken.None));
        });
        Assert.Equal(0, await DifferAsync());
    }

    [Fact, Rfc("6749", "4.4")]
    public async Task An_application_created_by_OpenIddicts_manager_is_a_client()
    {
        await using (var scope = _server.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(new OpenIddictApplicationDescriptor
            {
                ClientId = "made", ClientSecret = "made-secret", ClientType = ClientTypes.Confidential, DisplayName = "Made",
                Permissions = { Permissions.Endpoints.Token, Permissions.GrantTypes.ClientCredentials, Permissions.Prefixes.Scope + "data:read" },
            });
        await _server.ConfiguresAsync(_ => { });

        var answer = await _server.ActsAsync("made", "made-secret");
        Assert.Equal((HttpStatusCode.OK, "data:read"), (answer.Status, answer["scope"]));
        (await _server.ActsAsync("made", "wrong")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM applications WHERE client_secret LIKE '%made-secret%'"));
    }

    [Fact]
    public async Task A_secret_in_plain_text_is_refused() => await ManagesAsync(async manager =>
    {
        await Assert.ThrowsAsync<ArgumentException>(async () => await manager.CreateAsync(new ApplicationRow { ClientId = "plain", ClientType = ClientTypes.Confidential, ClientSecret = "plain-secret" }));
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM applications WHERE client_id = 'plain'"));
    });

    /// <summary>As in another application's database; the format is that of ASP.NET Core Identity.</summary>
    [Fact, Rfc("6749", "2.3.1")]
    public async Task A_secret_that_OpenIddict_hashed_keeps_working()
    {
        await using (var scope = _server.Services.CreateAsyncScope())
        {
            var services = scope.ServiceProvider;
            var stock = new OpenIddictApplicationManager<ApplicationRow>(
                services.GetRequiredService<IOpenIddictApplicationCache<ApplicationRow>>(), services.GetRequiredService<ILogger<OpenIddictApplicationManager<ApplicationRow>>>(),
                services.GetRequiredService<IOptionsMonitor<OpenIddictCoreOptions>>(), services.GetRequiredService<IOpenIddictApplicationStore<ApplicationRow>>());
            await stock.CreateAsync(new OpenIddictApplicationDescriptor { ClientId = "stock", ClientSecret = "stock-secret", Permissions = { Permissions.GrantTypes.ClientCredentials } });
        }
        await _server.ConfiguresAsync(_ => { });

        Assert.Equal(HttpStatusCode.OK, (await _server.ActsAsync("stock", "stock-secret")).Status);
        (await _server.ActsAsync("stock", "stock-secret2")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("6749", "2.3.1")]
    public async Task A_client_in_a_manifest_is_an_OpenIddict_application()
    {
        await _server.AppliesAsync("""
            { "clients": [ { "client_id": "described", "client_secret": ["first secret of it", "second secret of it"], "scope": "openid data:read", "redirect_uris": ["https://described.example/callback"] } ] }
            """);

        await using var scope = _server.Services.CreateAsyncScope();
        var manager = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        var application = (await manager.FindByClientIdAsync("described"))!;
        Assert.True(await manager.ValidateClientSecretAsync(application, "first secret of it"));
        Assert.True(await manager.ValidateClientSecretAsync(application, "second secret of it"));
        Assert.False(await manager.ValidateClientSecretAsync(application, "third secret of it"));
        Assert.True(await manager.ValidateRedirectUriAsync(application, "https://described.example/callback"));
        Assert.False(await manager.ValidateRedirectUriAsync(application, "https://described.example/callback2"));
        Assert.True(await manager.HasPermissionAsync(application, Permissions.GrantTypes.AuthorizationCode));
        Assert.True(await manager.HasPermissionAsync(application, Permissions.Prefixes.Scope + "data:read"));
        Assert.True(await manager.HasRequirementAsync(application, Requirements.Features.ProofKeyForCodeExchange));
        Assert.Single(await AllAsync(manager.FindByRedirectUriAsync("https://described.example/callback")));

        await manager.DeleteAsync(application);
        await _server.ConfiguresAsync(_ => { });
        (await _server.ActsAsync("described", "first secret of it")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("9207", "4")]
    public async Task A_redirect_URI_with_the_parameter_iss_is_refused()
    {
        (await _server.RegistersAsync(new { redirect_uris = new[] { "https://app.example/callback?iss=https://evil.example" } })).Refuses("invalid_redirect_uri");
        var registered = await _server.RegistersAsync();
        (await _server.ReplacesAsync(registered, new { client_id = registered["client_id"], redirect_uris = new[] { "https://app.example/callback?iss=x" } })).Refuses("invalid_redirect_uri");
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.AppliesAsync("""
            { "clients": [ { "client_id": "mixed", "client_secret": "a secret of some length", "scope": "openid", "redirect_uris": ["https://mixed.example/callback?iss=x"] } ] }
            """));
        Assert.Contains("clients[0].redirect_uris[0] is https://mixed.example/callback?iss=x", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM clients WHERE client_id = 'mixed'"));
    }

    [Fact]
    public async Task A_resources_scopes_are_OpenIddict_scopes_whether_a_manifest_or_SQL_writes_them()
    {
        await _server.AppliesAsync("""{ "resources": [ { "identifier": "http://a.test", "name": "A", "scopes": ["a:read", "both"] }, { "identifier": "http://b.test", "scopes": ["both"] } ] }""");
        Assert.Equal("a:read=http://a.test both=http://a.test,http://b.test data:read=http://localhost:5010 data:write=http://localhost:5010", await ScopesAsync());

        await _server.AppliesAsync("""{ "resources": [ { "identifier": "http://a.test", "name": "A2", "scopes": ["a:write"] } ] }""");
        Assert.Equal("a:write=http://a.test both=http://b.test data:read=http://localhost:5010 data:write=http://localhost:5010", await ScopesAsync());
        Assert.Equal("A2", await _server.ReadAsync<string>("SELECT name FROM resources WHERE identifier = 'http://a.test'"));

        // SQL on the view, as nodes of the previous version write.
        await _server.ExecuteAsync("UPDATE resources SET scopes = '{both,a:read}' WHERE identifier = 'http://a.test'");
        Assert.Equal("a:read=http://a.test both=http://a.test,http://b.test data:read=http://localhost:5010 data:write=http://localhost:5010", await ScopesAsync());
        await _server.ExecuteAsync("DELETE FROM resources WHERE identifier = 'http://b.test'");
        Assert.Equal("a:read=http://a.test both=http://a.test data:read=http://localhost:5010 data:write=http://localhost:5010", await ScopesAsync());

        await _server.AppliesAsync("""{ "resources": [ { "identifier": "http://localhost:5010" } ] }""", prune: true);
        Assert.Equal("data:read=http://localhost:5010 data:write=http://localhost:5010", await ScopesAsync());
    }

    /// <summary>No race: the other write always comes between the read and the change.</summary>
    [Fact]
    public async Task A_change_keeps_what_another_wrote_meanwhile()
    {
        var looks = 0;

        await ManagesAsync(async manager => Assert.True(await manager.TryChangeAsync(
            World.Shop,
            client =>
            {
                if (++looks == 1)
                    _server.ExecuteAsync("UPDATE clients SET disabled = true WHERE client_id = 'shop'").GetAwaiter().GetResult();
                client.Name = "Renamed";
            },
            CancellationToken.None)));

        Assert.Equal(2, looks);
        Assert.Equal("Renamed true", await _server.ReadAsync<string>("SELECT name || ' ' || disabled FROM clients WHERE client_id = 'shop'"));
        await ManagesAsync(async manager => Assert.False(await manager.TryChangeAsync("nobody", _ => { }, CancellationToken.None)));
    }

    [Fact]
    public async Task A_client_that_is_deleted_meanwhile_is_not_changed() => await ManagesAsync(async manager =>
    {
        // OpenIddict's cache still has it.
        Assert.NotNull(await manager.FindByClientIdAsync(World.Rival));
        await _server.ExecuteAsync("DELETE FROM clients WHERE client_id = 'rival'");

        Assert.False(await manager.TryChangeAsync(World.Rival, _ => { }, CancellationToken.None));
    });

    private static ClientRow[] Described(string id, string metadata) =>
    [
        new() { ClientId = id, AuthMethod = "none", GrantTypes = ["authorization_code"], RedirectUris = ["https://a.example/callback"], Metadata = metadata },
        new()
        {
            ClientId = id + "-full", Name = "Käse \"&\" Brot", AuthMethod = "client_secret_post", SecretHashes = ["AQAA+/==", "AQAB"], Disabled = true, SigningAlgorithm = "RS256",
            GrantTypes = ["refresh_token", "urn:ietf:params:oauth:grant-type:device_code", "authorization_code"], Scopes = ["openid", "data:write", "data:read"],
            RedirectUris = ["https://b.example/callback?x=1", "com.example.app:/callback"], Metadata = metadata,
            RegisteredAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), RegistrationTokenHash = [1, 2, 3],
        },
        new() { ClientId = id + "-keys", AuthMethod = "private_key_jwt", GrantTypes = ["client_credentials"], Metadata = metadata },
    ];

    private Task<int> DifferAsync() => _server.ReadAsync<int>(
        """
        SELECT count(*) FROM applications v FULL JOIN applications m ON m.client_id = replace(v.client_id, 'by-view', 'by-manager')
        WHERE (v.client_id LIKE 'by-view%' OR m.client_id LIKE 'by-manager%')
          AND (to_jsonb(v) - '{id,client_id,concurrency_token,redirect_uris,post_logout_redirect_uris}'::text[]
                 || jsonb_build_object('uris', v.redirect_uris::jsonb, 'out', v.post_logout_redirect_uris::jsonb))
              IS DISTINCT FROM (to_jsonb(m) - '{id,client_id,concurrency_token,redirect_uris,post_logout_redirect_uris}'::text[]
                 || jsonb_build_object('uris', m.redirect_uris::jsonb, 'out', m.post_logout_redirect_uris::jsonb))
          AND (v.client_id LIKE 'by-view%' OR v.client_id IS NULL)
        """);

    private async Task<string> ScopesAsync()
    {
        await using var services = _server.Services.CreateAsyncScope();
        var manager = services.ServiceProvider.GetRequiredService<IOpenIddictScopeManager>();
        var told = new List<string>();
        foreach (var scope in await AllAsync(manager.ListAsync()))
            told.Add($"{await manager.GetNameAsync(scope)}={string.Join(',', (await manager.GetResourcesAsync(scope)).Order(StringComparer.Ordinal))}");
        return string.Join(' ', told.Order(StringComparer.Ordinal));
    }

    private async Task ManagesAsync(Func<ApplicationManager, Task> act)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        await act(scope.ServiceProvider.GetRequiredService<ApplicationManager>());
    }

    private static async Task<List<object>> AllAsync(IAsyncEnumerable<object> found)
    {
        var all = new List<object>();
        await foreach (var one in found)
            all.Add(one);
        return all;
    }
}
