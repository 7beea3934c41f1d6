using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.EntityFrameworkCore;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

/// <summary>A member that is left out leaves what is there; <c>null</c> resets it to what a new entry would have.</summary>
public sealed class ManifestMemberTests
{
    private const string Site =
        """
        {"clients":[{"client_id":"site","client_secret":["the first secret of the site","the second secret of the site"],"client_name":"Site","token_endpoint_auth_method":"client_secret_post",
          "grant_types":["authorization_code","client_credentials"],"redirect_uris":["https://site.example/callback"],"scope":"data:read","access_token_signed_response_alg":"RS256",
          "require_pkce":false,"contacts":["ops@site.example"],"software_version":"1.2","post_logout_redirect_uris":["https://site.example/"],"disabled":false}]}
        """;

    [Fact]
    public async Task A_member_of_a_client_that_is_left_out_stays()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Site);
        var before = await ClientAsync(server, "site");

        Assert.Empty((await server.AppliesAsync("""{"clients":[{"client_id":"site"}]}""")).Lines);
        Assert.Equal(["changed client site (client_name)"], (await server.AppliesAsync("""{"clients":[{"client_id":"site","client_name":"The site"}]}""")).Lines);
        Assert.Equal(["changed client site (software_version)"], (await server.AppliesAsync("""{"clients":[{"client_id":"site","software_version":"1.3"}]}""")).Lines);

        var after = await ClientAsync(server, "site");
        Assert.Equal(before.Replace("|Site|", "|The site|", StringComparison.Ordinal).Replace("\"1.2\"", "\"1.3\"", StringComparison.Ordinal), after);
        var token = await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_id", "site"), ("client_secret", "the second secret of the site")]);
        Assert.Equal((HttpStatusCode.OK, "data:read"), (token.Status, token["scope"]));
    }

    [Fact]
    public async Task A_disabled_client_stays_disabled_if_the_member_is_left_out()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync("""{"clients":[{"client_id":"shop","disabled":true}]}""");

        Assert.Empty((await server.AppliesAsync("""{"clients":[{"client_id":"shop"}]}""")).Lines);
        Assert.Equal("invalid_client", (await server.ActsAsync(World.Shop, World.ShopSecret)).Error);

        Assert.Equal(["changed client shop (disabled)"], (await server.AppliesAsync("""{"clients":[{"client_id":"shop","disabled":null}]}""")).Lines);
        server.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync(World.Shop, World.ShopSecret)).Status);
    }

    [Fact]
    public async Task A_member_of_a_client_that_is_null_is_reset_to_its_default()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Site);

        var changes = await server.AppliesAsync(
            """
            {"clients":[{"client_id":"site","client_name":null,"token_endpoint_auth_method":null,"grant_types":null,"scope":null,"access_token_signed_response_alg":null,
              "require_pkce":null,"contacts":null,"software_version":null,"post_logout_redirect_uris":null,"response_types":null,"subject_type":null,"jwks":null}]}
            """);

        Assert.Equal(
            ["changed client site (client_name, token_endpoint_auth_method, grant_types, scope, access_token_signed_response_alg, contacts, post_logout_redirect_uris, require_pkce, software_version)"], changes.Lines);
        Assert.Equal("site||client_secret_basic|2|authorization_code||https://site.example/callback||False|{}", await ClientAsync(server, "site"));
    }

    [Fact, Rfc("7591", "2")]
    public async Task Members_of_a_client_must_fit_together_with_those_already_stored()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Site);

        await RefusesAsync(server, "\"redirect_uris\":null", "$.clients[0].redirect_uris is missing");
        await RefusesAsync(server, "\"client_secret\":null", "$.clients[0].client_secret is missing");
        await RefusesAsync(server, "\"token_endpoint_auth_method\":\"none\"", "$.clients[0].");
        await RefusesAsync(server, "\"token_endpoint_auth_method\":\"private_key_jwt\"", "$.clients[0].jwks is missing");
        await RefusesAsync(server, "\"response_types\":[]", "$.clients[0].response_types");
        await RefusesAsync(server, "\"application_type\":\"web\",\"post_logout_redirect_uris\":[\"com.example.site:/end\"]", "$.clients[0].post_logout_redirect_uris[0]");
        await RefusesAsync(server, "\"client_id\":null", "$.clients[0].client_id");
    }

    [Fact]
    public async Task A_client_that_becomes_public_loses_its_secret()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Site);

        var changes = await server.AppliesAsync("""{"clients":[{"client_id":"site","token_endpoint_auth_method":"none","grant_types":["authorization_code"],"require_pkce":null}]}""");

        Assert.Equal(["changed client site (token_endpoint_auth_method, client_secret, grant_types, require_pkce)"], changes.Lines);
    }

    [Fact]
    public async Task Members_of_resources_and_roles_that_are_left_out_stay_and_null_resets_them()
    {
        await using var server = await ServerUnderTest.StartAsync();

        Assert.Empty((await server.AppliesAsync("""{"resources":[{"identifier":"http://localhost:5010"}],"roles":[{"name":"admin"}]}""")).Lines);
        Assert.Equal(["changed resource http://localhost:5010 (name)"], (await server.AppliesAsync("""{"resources":[{"identifier":"http://localhost:5010","name":"Data"}]}""")).Lines);
        Assert.Equal("Data|data:read data:write|resource-api", await server.AskAsync(db => db.Resources.Select(row => $"{row.Name}|{string.Join(' ', row.Scopes)}|{row.ClientId}").SingleAsync()));

        var changes = await server.AppliesAsync("""{"resources":[{"identifier":"http://localhost:5010","name":null,"scopes":null,"client_id":null}],"roles":[{"name":"admin","permissions":null}]}""");
        Assert.Equal(["changed resource http://localhost:5010 (name, scopes, client_id)", "changed role admin (permissions)"], changes.Lines);
    }

    [Fact]
    public async Task A_member_of_a_user_that_is_left_out_stays_and_null_resets_it()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(
            """
            {"users":[{"username":"alice","email":"alice@example.com","full_name":"Alice","age":30,"gender":"female","phone_number":"+1 555 0100","disabled":true,
              "profile":{"given_name":"Alice","nickname":"Al","address":{"locality":"Bonn","country":"DE"}}}]}
            """);

        Assert.Empty((await server.AppliesAsync("""{"users":[{"username":"alice"}]}""")).Lines);
        Assert.Equal("invalid_grant", (await server.SignsInAsync()).Error);
        Assert.Equal(["changed user alice (profile)"], (await server.AppliesAsync("""{"users":[{"username":"alice","profile":{"nickname":null,"address":{"country":"FR"}}}]}""")).Lines);
        Assert.Equal(1, await server.ReadAsync<int>("""SELECT count(*) FROM users WHERE profile = '{"given_name":"Alice","address":{"locality":"Bonn","country":"FR"}}'"""));

        var changes = await server.AppliesAsync("""{"users":[{"username":"alice","email":null,"full_name":null,"age":null,"gender":null,"phone_number":null,"roles":null,"disabled":null,"profile":null,"password":null}]}""");
        Assert.Equal(["changed user alice (email, full_name, age, gender, phone_number, profile, disabled, roles)"], changes.Lines);
        Assert.Equal(1, await server.ReadAsync<int>("""SELECT count(*) FROM users WHERE email IS NULL AND NOT email_confirmed AND phone_number IS NULL AND full_name IS NULL AND age IS NULL AND gender IS NULL AND profile = '{}'"""));
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync()).Status);
        Assert.Empty((await server.AppliesAsync("""{"users":[{"username":"alice","email":null,"roles":null,"profile":null}]}""")).Lines);
    }

    [Fact]
    public async Task A_new_entry_has_the_default_of_what_is_left_out_or_null()
    {
        await using var server = await ServerUnderTest.StartAsync();

        await server.AppliesAsync(
            """
            {"clients":[{"client_id":"bare","client_secret":"the secret of the bare one","scope":null,"grant_types":null,"contacts":null,"disabled":null}],"resources":[{"identifier":"http://bare.test","scopes":null}],
             "roles":[{"name":"bare","permissions":null}],"users":[{"username":null,"email":"bare@example.com","password":"a password of some length","roles":null,"full_name":null,"profile":null}]}
            """);

        Assert.Equal("bare||client_secret_basic|1||||" + "|False|{}", await ClientAsync(server, "bare"));
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM users WHERE user_name = 'bare@example.com' AND full_name IS NULL AND profile = '{}' AND disabled_at IS NULL"));
    }

    [Fact]
    public async Task A_single_further_change_is_counted_in_the_singular()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var one = await server.AppliesAsync("""{"roles":[{"name":"clerk"}]}""");
        var more = await server.AppliesAsync($$"""{"roles":[{{string.Join(',', Enumerable.Range(0, 21).Select(i => $$"""{"name":"role {{i}}"}"""))}}]}""");

        Assert.Single(one.Lines);
        Assert.EndsWith("; and 1 change more", more.ToString(), StringComparison.Ordinal);
    }

    private static async Task RefusesAsync(ServerUnderTest server, string members, string why)
    {
        var json = members.StartsWith("\"client_id\"", StringComparison.Ordinal) ? $$"""{"clients":[{{{members}}}]}""" : $$"""{"clients":[{"client_id":"site",{{members}}}]}""";
        var refused = await Assert.ThrowsAsync<StartupException>(() => server.AppliesAsync(json));
        Assert.Contains($"is not applied: {why}", refused.Message, StringComparison.Ordinal);
    }

    private static Task<string> ClientAsync(ServerUnderTest server, string clientId) => server.AskAsync(async db =>
    {
        var row = await db.Clients.SingleAsync(client => client.ClientId == clientId);
        return $"{row.ClientId}|{row.Name}|{row.AuthMethod}|{row.SecretHashes.Length}|{string.Join(' ', row.GrantTypes)}|{string.Join(' ', row.Scopes)}|{string.Join(' ', row.RedirectUris)}|{row.SigningAlgorithm}|{row.Disabled}|{row.Metadata}";
    });
}
