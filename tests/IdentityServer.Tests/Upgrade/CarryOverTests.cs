using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Storage;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.ClientRegistration;
using IdentityServer.Tests.DeviceAuthorization;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Operations;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using Testing;
using Xunit;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Tests.Upgrade;

public sealed class CarriedOver : IAsyncLifetime
{
    private OldDatabase _old = null!;

    internal ServerUnderTest Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _old = await OldDatabase.RestoreAsync();
        Server = await _old.CarryOverAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _old.DisposeAsync();
    }
}

/// <summary>Nobody notices the new server: what the old one issued, remembered and recorded still holds.</summary>
public sealed class CarryOverTests(CarriedOver shared) : IClassFixture<CarriedOver>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("6749", "6")]
    public async Task A_refresh_token_of_the_old_server_works_at_the_new_one()
    {
        var web = await _server.RefreshesAsync(OldDatabase.Holds("web_refresh_token"), CodeFlow.AsWeb);
        Assert.Equal((HttpStatusCode.OK, "openid profile email offline_access data:read"), (web.Status, web["scope"]));
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(web.RefreshToken, CodeFlow.AsWeb)).Status);

        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAsync(OldDatabase.Holds("shop_refresh_token"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.RefreshesAtAccountApiAsync(OldDatabase.Holds("account_refresh_token"))).Status);
    }

    [Fact]
    public async Task Access_tokens_live_on_under_the_same_keys_and_what_was_dead_stays_dead()
    {
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(OldDatabase.Held.GetProperty("jwks").GetRawText()), JsonNode.Parse(await BackupTests.KeysAsync(_server))));
        Assert.True(await _server.IsLiveAsync(OldDatabase.Holds("web_access_token")));
        Assert.False(await _server.IsLiveAsync(OldDatabase.Holds("revoked_access_token")));
        (await _server.RefreshesAsync(OldDatabase.Holds("revoked_refresh_token"))).Refuses("invalid_grant");
    }

    [Fact]
    public async Task People_sign_in_with_their_passwords_and_keep_their_roles()
    {
        var alice = await _server.SignsInAsync();
        Assert.Equal(HttpStatusCode.OK, alice.Status);
        Assert.Equal(("admin", "users:manage"), (Around.Claims(alice.AccessToken).GetProperty("roles")[0].GetString(), Around.Claims(alice.AccessToken).GetProperty("permissions")[0].GetString()));
        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync("maya")).Status);
        (await _server.SignsInAsync(password: "not her password")).Refuses("invalid_grant");
    }

    [Fact, Rfc("OIDC Core", "3.1.2.4")]
    public async Task A_signed_in_browser_stays_signed_in_and_its_consent_is_remembered()
    {
        var browser = new Browser(_server);
        foreach (var cookie in OldDatabase.Held.GetProperty("browser").EnumerateObject())
            browser.Cookies[cookie.Name] = cookie.Value.GetString()!;

        var code = (await browser.AuthorizesAsync(CodeFlow.WebRequest(("scope", "openid profile email")))).Sent("code");
        Assert.Equal(HttpStatusCode.OK, (await _server.RedeemsAsync(code)).Status);
        Assert.True((await browser.AuthorizesAsync(CodeFlow.WebRequest(("scope", "openid profile phone")))).Has("consent-allow"));

        await using var scope = _server.Services.CreateAsyncScope();
        var application = await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().FindByClientIdAsync(World.Web);
        var id = await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().GetIdAsync(application!);
        var consents = scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().FindAsync(
            (await _server.ReadIdAsync("SELECT id FROM users WHERE user_name = $1", World.Alice)).ToString(), id, Statuses.Valid, AuthorizationTypes.Permanent, ["openid", "profile", "email", "offline_access", "data:read"]);
        Assert.Equal(1, await consents.CountAsync());
    }

    [Fact, Rfc("6749", "2.3.1")]
    public async Task Clients_authenticate_as_before_with_any_of_their_secrets()
    {
        foreach (var client in (System.Net.Http.Headers.AuthenticationHeaderValue[])[Calls.AsShop, Calls.Basic(World.Shop, "shop-secret-of-before"), Calls.AsResourceApi])
            Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], client)).Status);
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.Basic(World.Shop, "wrong"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.Basic("gone", "gone-secret"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("7592", "2.1"), Rfc("7592", "2.2")]
    public async Task A_self_registered_client_is_unchanged_and_can_still_manage_itself()
    {
        var held = OldDatabase.Held.GetProperty("registered");
        var registered = new Answer(HttpStatusCode.Created, held.GetRawText(), new());
        Assert.Equal(HttpStatusCode.OK, (await _server.RevokesAsync("x", Calls.Basic(registered["client_id"]!, registered["client_secret"]!))).Status);

        var now = await _server.LooksAsync(registered);
        Assert.Equal(HttpStatusCode.OK, now.Status);
        foreach (var member in now.Json.EnumerateObject().Where(member => member.Name is not ("registration_access_token" or "client_secret")))
            Assert.True(JsonElement.DeepEquals(held.GetProperty(member.Name), member.Value), $"{member.Name}: {member.Value}");

        var replaced = await _server.ReplacesAsync(registered, new { client_id = registered["client_id"], redirect_uris = new[] { Registrar.Callback }, client_name = "App 2" });
        Assert.Equal((HttpStatusCode.OK, "App 2"), (replaced.Status, replaced["client_name"]));
    }

    [Fact, Rfc("8628", "3.5"), Rfc("9126", "4")]
    public async Task A_waiting_device_and_a_pushed_request_continue()
    {
        (await _server.PollsAsync(OldDatabase.Holds("device_code"))).Refuses("authorization_pending");

        var browser = await _server.HasBrowserOfAsync();
        var answer = await browser.GetAsync($"/connect/authorize?client_id={World.Web}&request_uri={Uri.EscapeDataString(OldDatabase.Holds("request_uri"))}");
        Assert.NotNull(answer.Sent("code"));
        Assert.Equal("the state", answer.Sent("state"));

        await browser.DecidesAsync(OldDatabase.Holds("user_code"));
        await Around.SoonAsync(async () => (await _server.PollsAsync(OldDatabase.Holds("device_code"))).Error != "authorization_pending", "the decision");
    }

    [Fact]
    public async Task The_audit_trail_is_complete_and_still_append_only()
    {
        Assert.Equal(OldDatabase.Held.GetProperty("audit_events").GetInt32(), await _server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE at < $1", OldDatabase.Held.GetProperty("taken_at").GetDateTimeOffset()));
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => _server.ExecuteAsync("DELETE FROM audit_events"));
        Assert.Equal("audit_events is append-only", refused.MessageText);
    }

    [Fact]
    public async Task Deleting_an_account_still_ends_its_tokens()
    {
        var gone = await _server.HasUserAsync();
        var tokens = await _server.SignsInAsync(gone);
        await _server.ExecuteAsync("DELETE FROM users WHERE user_name = $1", gone);

        await Around.SoonAsync(async () => !await _server.IsLiveAsync(tokens.AccessToken), "the feed");
    }

    [Fact]
    public async Task The_migration_history_names_the_latest_migration() =>
        Assert.Equal(1, await _server.ReadAsync<int>("""SELECT count(*) FROM "__EFMigrationsHistory" WHERE "MigrationId" = $1""", Database.LatestMigration));
}
