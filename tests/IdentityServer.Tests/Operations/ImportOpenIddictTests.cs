using System.Net;
using System.Text.Json;
using IdentityServer.Manifest;
using IdentityServer.Tests.ClientAuthentication;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using Testing;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.Operations;

/// <summary>Moving here from your own OpenIddict server.</summary>
public sealed class ImportOpenIddictTests : IAsyncLifetime
{
    private ServerUnderTest _server = null!;
    private ForeignServer _foreign = null!;

    public async ValueTask InitializeAsync() => (_server, _foreign) = (await ServerUnderTest.StartAsync(), await ForeignServer.StartAsync());

    public async ValueTask DisposeAsync()
    {
        await _foreign.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Theory, Rfc("6749", "2.3.1")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Clients_keep_their_secrets_and_users_are_not_asked_again_whatever_the_key_type(bool hasGuidKeys)
    {
        await using var foreign = await ForeignServer.StartAsync(hasGuidKeys);
        await foreign.FillAsync();
        var user = await UserIdAsync(World.Alice);
        await foreign.HasAuthorizationAsync("page", user, ["openid"]);
        await foreign.HasAuthorizationAsync("page", user, ["openid", "profile"]);

        var report = await _server.ImportsAsync(foreign.ConnectionString);

        Assert.Equal(["+ resource https://orders.example", "+ scope orders:read", "+ client page", "+ client worker", "+ 2 authorizations of client page"], report.Lines);
        Assert.True(report.IsComplete);
        var acting = await _server.ActsAsync("worker", "worker-secret", "orders:read");
        Assert.Equal((HttpStatusCode.OK, "orders:read"), (acting.Status, acting["scope"]));
        Assert.Equal("https://orders.example", Around.Claims(acting.AccessToken).GetProperty("aud").GetString());
        (await _server.ActsAsync("worker", "another-secret")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");

        var alice = await _server.HasBrowserOfAsync();
        var code = (await alice.AuthorizesAsync(PageRequest("openid profile"))).Sent("code");
        Assert.NotNull(code);
        Assert.Equal(HttpStatusCode.OK, (await _server.RedeemsAsync(code, "https://page.example/callback", more: [("client_id", "page")])).Status);
        Assert.True((await alice.AuthorizesAsync(PageRequest("openid profile email"))).Has("consent-allow"));
        Assert.Equal(2025, await _server.ReadAsync<int>("SELECT extract(year FROM creation_date) FROM authorizations"));
    }

    [Fact]
    public async Task A_dry_run_reports_the_same_and_changes_nothing()
    {
        await _foreign.FillAsync();
        await _foreign.HasAuthorizationAsync("page", await UserIdAsync(World.Alice), ["openid"]);
        var before = await _server.ReadAsync<string>(Importing.State);

        var dry = await _server.ImportsAsync(_foreign.ConnectionString, isDryRun: true);

        Assert.Equal(before, await _server.ReadAsync<string>(Importing.State));
        Assert.Equal((await _server.ImportsAsync(_foreign.ConnectionString)).Lines, dry.Lines);
        Assert.NotEqual(before, await _server.ReadAsync<string>(Importing.State));
    }

    [Fact]
    public async Task A_second_run_changes_nothing_and_keeps_later_changes_and_withdrawals()
    {
        await _foreign.FillAsync();
        await _foreign.HasAuthorizationAsync("page", await UserIdAsync(World.Alice), ["openid"]);
        await _server.ImportsAsync(_foreign.ConnectionString);
        await _server.ExecuteAsync("UPDATE authorizations SET status = 'revoked'");
        await _server.AppliesAsync("""{ "clients": [ { "client_id": "worker", "client_name": "Renamed" } ] }""");
        var before = await _server.ReadAsync<string>(Importing.State);

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Equal(["= scope orders:read is here already", "= client page is here already", "= client worker is here already", "= 1 authorization of clients that were here before"], report.Lines);
        Assert.True(report.IsComplete);
        Assert.Equal(before, await _server.ReadAsync<string>(Importing.State));
        Assert.Equal("Renamed", await _server.ReadAsync<string>("SELECT name FROM clients WHERE client_id = 'worker'"));
    }

    [Fact]
    public async Task Existing_entries_are_never_overwritten()
    {
        await _foreign.HasScopeAsync("data:read", "https://evil.example");
        await _foreign.HasScopeAsync("data:more", World.Resource);
        await _foreign.HasApplicationAsync(new() { ClientId = World.Shop, ClientSecret = "another", Permissions = { Permissions.GrantTypes.ClientCredentials } });

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Equal(["= scope data:read is here already", "= client shop is here already"], report.Lines.Where(line => line[0] == '='));
        Assert.Equal(HttpStatusCode.OK, (await _server.ActsAsync(World.Shop, World.ShopSecret)).Status);
        (await _server.ActsAsync(World.Shop, "another")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        // A new scope of an existing resource is added to those it has.
        Assert.Equal("data:more data:read data:write", await _server.ReadAsync<string>("SELECT array_to_string(scopes, ' ') FROM resources WHERE identifier = $1", World.Resource));
        Assert.Equal(World.ResourceApi, await _server.ReadAsync<string>("SELECT client_id FROM resources WHERE identifier = $1", World.Resource));
    }

    [Fact]
    public async Task Many_authorizations_of_a_user_and_a_client_become_one()
    {
        await _foreign.FillAsync();
        await _foreign.ExecuteAsync(
            """
            INSERT INTO "OpenIddictAuthorizations" ("Id", "ApplicationId", "Subject", "Type", "Status", "Scopes")
            SELECT 'a' || i, (SELECT "Id" FROM "OpenIddictApplications" WHERE "ClientId" = 'page'), $1, 'permanent', 'valid', CASE WHEN i = 1100 THEN '["email"]' ELSE '["openid"]' END FROM generate_series(1, 1100) i
            """,
            await UserIdAsync(World.Alice));

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Equal("+ 1100 authorizations of client page", report.Lines[^1]);
        Assert.Equal("email openid", await _server.ReadAsync<string>("SELECT string_agg(s, ' ' ORDER BY s) FROM authorizations, jsonb_array_elements_text(scopes) s"));
    }

    [Fact]
    public async Task What_a_client_cannot_keep_is_reported()
    {
        var application = ForeignServer.Browser("much", Permissions.GrantTypes.Implicit, Permissions.ResponseTypes.IdToken, Permissions.Prefixes.Scope + "unknown", Permissions.Endpoints.Introspection);
        application.Requirements.Clear();
        application.ConsentType = ConsentTypes.Systematic;
        application.Settings[OpenIddictConstants.Settings.TokenLifetimes.AccessToken] = "00:05:00";
        application.Properties["colour"] = JsonSerializer.SerializeToElement("red");
        application.DisplayNames[new("de")] = "Viel";
        await _foreign.HasApplicationAsync(application);

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Equal("+ client much", report.Lines[0]);
        Assert.Equal(
            [
                "introspection, which is for the client that a resource names (client_id in a manifest)", "its names in several languages", "the consent type systematic: users are asked once",
                "the grant type implicit, which is not served here", "the permission rst:id_token", "the property colour", "the scope unknown, which no resource serves here",
                "the setting tkn_lft:act", "without PKCE, which every public client must use here",
            ],
            report.Lines.Skip(1).Select(line => line["! client much comes without: ".Length..]).Order(StringComparer.Ordinal));
        Assert.False(report.IsComplete);
    }

    [Fact]
    public async Task Keys_consent_PKCE_and_pushed_requests_are_required_as_before()
    {
        var signer = new ClientSigner("signing");
        await _foreign.HasApplicationAsync(new() { ClientId = "signing", JsonWebKeySet = new JsonWebKeySet(signer.Jwks()), Permissions = { Permissions.GrantTypes.ClientCredentials, Permissions.Prefixes.Scope + "data:read" } });
        var own = ForeignServer.Browser("own");
        (own.ClientType, own.ClientSecret, own.ConsentType) = (ClientTypes.Confidential, "own-secret", ConsentTypes.Implicit);
        own.Requirements.Clear();
        own.Requirements.Add(Requirements.Features.PushedAuthorizationRequests);
        await _foreign.HasApplicationAsync(own);
        await _foreign.HasAuthorizationAsync("own", await UserIdAsync(World.Alice), ["openid"]);

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Equal(["+ client own", "+ client signing", "= 1 authorization of clients that remember none, or have no such scope"], report.Lines);
        var acting = await _server.PostFormAsync(
            "/connect/token", [("grant_type", "client_credentials"), ("client_assertion_type", ClientSigner.AssertionType), ("client_assertion", signer.Assertion(_server.Clock.GetUtcNow()))]);
        Assert.Equal((HttpStatusCode.OK, "data:read"), (acting.Status, acting["scope"]));
        var metadata = JsonDocument.Parse(await _server.ReadAsync<string>("SELECT metadata::text FROM clients WHERE client_id = 'own'")).RootElement;
        Assert.False(metadata.GetProperty("require_consent").GetBoolean());
        Assert.False(metadata.GetProperty("require_pkce").GetBoolean());
        Assert.True(metadata.GetProperty("require_pushed_authorization_requests").GetBoolean());
        Assert.Equal("https://own.example/out", metadata.GetProperty("post_logout_redirect_uris")[0].GetString());
    }

    [Fact]
    public async Task Only_valid_permanent_authorizations_of_existing_users_are_imported()
    {
        await _foreign.FillAsync();
        var alice = await UserIdAsync(World.Alice);
        await _foreign.HasAuthorizationAsync("page", alice, ["openid"], AuthorizationTypes.AdHoc);
        await _foreign.HasAuthorizationAsync("page", alice, ["openid"], status: Statuses.Revoked);
        await _foreign.HasAuthorizationAsync("page", Guid.NewGuid().ToString(), ["openid"]);
        await _foreign.HasAuthorizationAsync("page", "bob", ["openid"]);

        var report = await _server.ImportsAsync(_foreign.ConnectionString);

        Assert.Equal("! 2 authorizations of subjects that are no user here", report.Lines[^1]);
        Assert.DoesNotContain(report.Lines, line => line.Contains("of client page", StringComparison.Ordinal));
        Assert.Equal(0, await _server.ReadAsync<int>("SELECT count(*) FROM authorizations"));
        Assert.Equal(3, await _server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'configuration_applied'"));
    }

    [Fact]
    public async Task The_command_exits_with_3_if_something_could_not_be_imported()
    {
        await _foreign.FillAsync();
        await using (var whole = Command("--dry-run"))
        {
            Assert.Equal(0, await whole.ExitsAsync());
            Assert.Contains("+ client worker", whole.Lines);
            Assert.Contains("Dry run: nothing was changed.", whole.Lines);
        }
        await _foreign.HasScopeAsync("nowhere");

        await using var command = Command();

        Assert.Equal(OpenIddictImport.Incomplete, await command.ExitsAsync());
        Assert.Contains("+ client worker", command.Lines);
        Assert.StartsWith("Not everything can be brought in", Assert.Single(command.Errors), StringComparison.Ordinal);
        await Operator.FollowsAsync(_server);
        Assert.Equal(HttpStatusCode.OK, (await _server.ActsAsync("worker", "worker-secret")).Status);
    }

    private static Dictionary<string, string?> PageRequest(string scope) =>
        CodeFlow.NativeRequest(("client_id", "page"), ("redirect_uri", "https://page.example/callback"), ("scope", scope));

    private async Task<string> UserIdAsync(string name) => (await _server.ReadIdAsync("SELECT id FROM users WHERE user_name = $1", name)).ToString();

    private ProgramProcess Command(params string[] more) => ProgramProcess.Start(
        Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
        [
            "import-openiddict", _foreign.ConnectionString, .. more, "--environment=Development", "--IdentityServer:Manifest=", $"--ConnectionStrings:IdentityServer={_server.ConnectionString}",
            $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
        ],
        workingDirectory: AppContext.BaseDirectory);
}
