using System.Buffers.Text;
using System.Text;
using System.Net;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Microsoft.EntityFrameworkCore;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

public sealed class ManifestClientTests
{
    private const string Kiosk =
        """{"clients":[{"client_id":"kiosk","client_secret":"kiosk-secret","grant_types":["client_credentials"],"scope":"data:read","redirect_uris":["https://kiosk.test/callback","com.kiosk:/back"]}]}""";

    [Fact, Rfc("7591", "2")]
    public async Task A_client_that_is_missing_is_created()
    {
        await using var server = await ServerUnderTest.StartAsync();

        var changes = await server.AppliesAsync(Kiosk);
        var token = await server.ActsAsync("kiosk", "kiosk-secret");

        Assert.Equal(["created client kiosk"], changes.Lines);
        Assert.Equal("data:read", token["scope"]);
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("kiosk-secret", StringComparison.Ordinal));
    }

    [Fact, Rfc("7518", "3.1")]
    public async Task A_client_may_have_its_access_tokens_signed_with_a_different_algorithm()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync("""{"clients":[{"client_id":"old","client_secret":"a secret of old","grant_types":["client_credentials"],"access_token_signed_response_alg":"RS256"}]}""");

        var token = (await server.ActsAsync("old", "a secret of old")).AccessToken!;

        Assert.Contains("\"alg\":\"RS256\"", Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token.AsSpan(0, token.IndexOf('.', StringComparison.Ordinal)))), StringComparison.Ordinal);
        Assert.True((await server.IntrospectsAsync(token, Calls.Basic("old", "a secret of old"))).Json.GetProperty("active").GetBoolean());
    }

    [Fact, Rfc("7591", "2")]
    public async Task A_client_in_a_manifest_has_the_same_members_as_in_a_registration()
    {
        const string Full =
            """
            {"clients":[{"client_id":"site","client_secret":"a secret of the site","client_name":"Site","grant_types":["authorization_code","refresh_token"],"response_types":["code"],
              "redirect_uris":["https://site.example/callback"],"subject_type":"public","software_id":"4NRB1-0XZABZI9E6-5SM3R","software_version":"1.2","contacts":["ops@site.example"],
              "client_uri":"https://site.example/","logo_uri":"https://site.example/logo.png","tos_uri":"https://site.example/tos","policy_uri":"https://site.example/policy",
              "application_type":"web","default_max_age":3600,"require_auth_time":true,"id_token_signed_response_alg":"ES256","scope":"openid data:read"}]}
            """;
        await using var server = await ServerUnderTest.StartAsync();

        await server.AppliesAsync(Full);
        var row = await server.AskAsync(db => db.Clients.SingleAsync(client => client.ClientId == "site"));
        var again = await server.AppliesAsync(Full);
        var changed = await server.AppliesAsync(Full.Replace("\"1.2\"", "\"1.3\"", StringComparison.Ordinal));

        Assert.Contains("\"software_id\": \"4NRB1-0XZABZI9E6-5SM3R\"", row.Metadata, StringComparison.Ordinal);
        Assert.Empty(again.Lines);
        Assert.Equal(["changed client site (software_version)"], changed.Lines);
    }

    [Theory, Rfc("7591", "2")]
    [InlineData(""" "redirect_uris":["https://site.example/callback"] """, "authorization_code")]
    [InlineData(""" "redirect_uris":["https://site.example/callback"],"response_types":["code"] """, "authorization_code")]
    [InlineData(""" "redirect_uris":["https://site.example/callback"],"grant_types":[] """, "")]
    [InlineData(""" "redirect_uris":[] """, "")]
    [InlineData(""" "scope":"data:read","response_types":[] """, "")]
    public async Task The_default_grant_type_is_the_code_if_there_is_a_redirect_URI(string members, string grantTypes)
    {
        await using var server = await ServerUnderTest.StartAsync();

        await server.AppliesAsync($$"""{"clients":[{"client_id":"site","client_secret":"a secret of the site",{{members}}}]}""");
        var row = await server.AskAsync(db => db.Clients.SingleAsync(client => client.ClientId == "site"));

        Assert.Equal(grantTypes, string.Join(' ', row.GrantTypes));
    }

    [Fact]
    public async Task Applying_a_manifest_again_changes_nothing()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Kiosk);
        var version = await server.VersionAsync();
        var hashes = await HashesAsync(server);

        var again = await server.AppliesAsync(Kiosk.Replace("https://kiosk.test/callback\",\"com.kiosk:/back", "com.kiosk:/back\",\"https://kiosk.test/callback", StringComparison.Ordinal));

        Assert.Empty(again.Lines);
        Assert.Equal(version, await server.VersionAsync());
        Assert.Equal(hashes, await HashesAsync(server));
    }

    [Fact]
    public async Task A_different_value_is_changed_and_null_resets_it()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Kiosk);

        var changes = await server.AppliesAsync("""{"clients":[{"client_id":"kiosk","client_secret":"kiosk-secret","client_name":"Kiosk","token_endpoint_auth_method":"client_secret_post","grant_types":[],"scope":null,"redirect_uris":null}]}""");
        var row = await server.AskAsync(db => db.Clients.SingleAsync(client => client.ClientId == "kiosk"));

        Assert.Equal(["changed client kiosk (client_name, token_endpoint_auth_method, grant_types, scope, redirect_uris)"], changes.Lines);
        Assert.Equal(("Kiosk", "client_secret_post"), (row.Name, row.AuthMethod));
        Assert.Empty(row.GrantTypes.Concat(row.Scopes).Concat(row.RedirectUris));
        Assert.Equal("unauthorized_client", (await server.ActsAsync("kiosk", "kiosk-secret")).Error);
    }

    [Fact]
    public async Task Every_secret_in_a_list_is_valid_so_that_one_can_be_replaced_with_an_overlap()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Kiosk);
        var old = await HashesAsync(server);

        var overlap = await server.AppliesAsync(Kiosk.Replace("\"kiosk-secret\"", """["new-secret","kiosk-secret"]""", StringComparison.Ordinal));
        Assert.Equal(["changed client kiosk (client_secret)"], overlap.Lines);
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("kiosk", "kiosk-secret")).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("kiosk", "new-secret")).Status);
        Assert.Contains(old.Single(), await HashesAsync(server));

        await server.AppliesAsync(Kiosk.Replace("kiosk-secret", "new-secret", StringComparison.Ordinal));
        Assert.Equal("invalid_client", (await server.ActsAsync("kiosk", "kiosk-secret")).Error);
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("kiosk", "new-secret")).Status);
    }

    [Fact]
    public async Task Secrets_come_from_the_environment_and_from_files_beside_the_manifest()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var file = new ManifestFile(
            """
            {"clients":[
              {"client_id":"by-variable","client_secret":"$KIOSK_SECRET","grant_types":["client_credentials"]},
              {"client_id":"by-file","client_secret_file":"secrets.txt","grant_types":["client_credentials"]},
              {"client_id":"by-word","client_secret":"$KIOSK-SECRET","grant_types":["client_credentials"]}]}
            """);
        file.Write("secrets.txt", "from a file \r\n");

        await server.AppliesAsync(file, environment: new() { ["KIOSK_SECRET"] = "from the environment" });

        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("by-variable", "from the environment")).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("by-file", "from a file ")).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("by-word", "$KIOSK-SECRET")).Status);
    }

    [Fact, Rfc("9700", "2.4")]
    public async Task A_public_client_may_have_the_password_grant_where_a_setting_allows_it()
    {
        await using var server = await ServerUnderTest.StartAsync("--Password:AllowPublicClients=true");

        var changes = await server.AppliesAsync("""{"clients":[{"client_id":"spa","token_endpoint_auth_method":"none","grant_types":["password"],"scope":"data:read"}]}""");

        Assert.Equal(["changed client spa (grant_types, scope)"], changes.Lines);
    }

    [Fact]
    public async Task A_disabled_client_is_refused_and_its_grants_and_tokens_end()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var own = await server.ActsAsync(World.Shop, World.ShopSecret);
        var alices = await server.SignsInAsync();
        var elsewhere = await server.SignsInAsync(client: Calls.AsRival);
        Assert.True(await server.IsActiveAsync(own) && await server.IsActiveAsync(alices));

        var off = await server.AppliesAsync(Shop(disabled: true));
        Assert.Equal(["changed client shop (disabled)"], off.Lines);
        Assert.Equal("invalid_client", (await server.ActsAsync(World.Shop, World.ShopSecret)).Error);
        Assert.Equal("invalid_client", (await server.RefreshesAsync(alices.RefreshToken)).Error);
        Assert.False(await server.IsActiveAsync(own));
        Assert.False(await server.IsActiveAsync(alices));
        Assert.True(await server.IsActiveAsync(elsewhere));

        // After the second in which tokens from nodes that had not heard yet are ended too.
        server.Clock.Advance(TimeSpan.FromSeconds(2));
        await server.AppliesAsync(Shop(disabled: false));
        Assert.True(await server.IsActiveAsync(await server.ActsAsync(World.Shop, World.ShopSecret)));
        Assert.Equal("invalid_grant", (await server.RefreshesAsync(alices.RefreshToken)).Error);
        Assert.False(await server.IsActiveAsync(alices));
    }

    [Fact]
    public async Task A_token_issued_by_a_node_before_it_hears_of_the_change_ends_too()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var before = server.Clock.GetUtcNow();

        await server.AppliesAsync(Shop(disabled: true));

        // What was issued before that moment has ended, on every node.
        var ended = await server.AskAsync(db => db.Set<RevocationRow>().SingleAsync(row => row.Subject == World.Shop));
        Assert.True(ended.At >= before.AddSeconds(1));
    }

    [Fact]
    public async Task A_grant_without_live_access_tokens_ends_without_an_entry_in_the_feed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var resting = await server.SignsInAsync();
        server.Clock.Advance(TimeSpan.FromHours(2));
        var busy = await server.SignsInAsync();

        await server.AppliesAsync(Shop(disabled: true));

        Assert.Equal(1, await server.AskAsync(db => db.Set<RevocationRow>().CountAsync(row => row.GrantId != null)));
        Assert.Equal(2, await server.AskAsync(db => db.Set<GrantRow>().CountAsync(row => row.RevokedAt != null)));
        await server.AppliesAsync(Shop(disabled: false));
        Assert.Equal("invalid_grant", (await server.RefreshesAsync(resting.RefreshToken)).Error);
        Assert.Equal("invalid_grant", (await server.RefreshesAsync(busy.RefreshToken)).Error);
    }

    private static string Shop(bool disabled) =>
        $$"""{"clients":[{"client_id":"shop","client_secret":"shop-secret","grant_types":["password","refresh_token","client_credentials"],"scope":"data:read data:write offline_access","disabled":{{(disabled ? "true" : "false")}}}]}""";

    private static Task<string[]> HashesAsync(ServerUnderTest server) =>
        server.AskAsync(db => db.Clients.Where(client => client.ClientId == "kiosk").Select(client => client.SecretHashes).SingleAsync());
}
