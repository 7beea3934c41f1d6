using System.Net;
using IdentityServer.Manifest;
using IdentityServer.Protocol;
using IdentityServer.Tests.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using ServiceDefaults.Settings;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

public sealed class ManifestStartTests
{
    private const string Kiosk =
        """{"clients":[{"client_id":"kiosk","client_secret":"the secret of the kiosk","grant_types":["client_credentials"]}],"users":[{"username":"bob","password":"bob's first password"}]}""";

    [Fact]
    public async Task The_manifest_in_the_setting_is_applied_at_each_start()
    {
        using var file = new ManifestFile(Kiosk);
        await using var server = await ServerUnderTest.StartAsync($"--IdentityServer:Manifest={file.Path}");
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("kiosk", "the secret of the kiosk")).Status);
        Assert.Contains(server.Log.Lines, line => line.Contains("is applied: created client kiosk; created user bob", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("the secret of the kiosk", StringComparison.Ordinal) || line.Contains("bob's first password", StringComparison.Ordinal));

        file.Write("manifest.json", Kiosk.Replace("the secret of the kiosk", "the new secret of the kiosk", StringComparison.Ordinal));
        await using var node = await server.StartNodeAsync($"--IdentityServer:Manifest={file.Path}");

        Assert.Equal(HttpStatusCode.OK, (await node.ActsAsync("kiosk", "the new secret of the kiosk")).Status);
    }

    [Fact]
    public async Task A_start_that_changes_nothing_does_without_EF_Core()
    {
        using var file = new ManifestFile(Kiosk);
        string[] settings = [$"--IdentityServer:Manifest={file.Path}", "--Logging:LogLevel:Microsoft.EntityFrameworkCore=Debug"];
        await using var server = await ServerUnderTest.StartAsync(settings);
        Assert.Contains(server.Log.Lines, line => line.Contains("Microsoft.EntityFrameworkCore", StringComparison.Ordinal));

        await using var node = await server.StartNodeAsync(settings);

        Assert.Contains(node.Log.Lines, line => line.Contains("is applied: nothing to change", StringComparison.Ordinal));
        Assert.DoesNotContain(node.Log.Lines, line => line.Contains("Microsoft.EntityFrameworkCore", StringComparison.Ordinal));
    }

    /// <summary>As in the contract, with longer secrets. Its resource names a client that is not in it.</summary>
    private const string Example =
        """
        {
          "clients": [
            { "client_id": "shop", "client_secret": "a secret of the shop", "client_name": "Shop", "grant_types": ["password", "refresh_token", "client_credentials"],
              "token_endpoint_auth_method": "client_secret_basic", "scope": "data:read data:write offline_access", "redirect_uris": [] }
          ],
          "resources": [ { "identifier": "http://localhost:5010", "name": "Data store", "scopes": ["data:read", "data:write"], "client_id": "resource-api" } ],
          "roles": [ { "name": "admin", "permissions": ["users:manage"] } ],
          "users": [ { "username": "alice", "email": "alice@example.com", "password": "a password of alice", "full_name": "Alice", "roles": ["admin"] } ]
        }
        """;

    private const string ResourceClient = """{"clients":[{"client_id":"resource-api","client_secret":"a secret of the store"}]}""";

    [Fact, Rfc("7662", "2.1")]
    public async Task The_example_starts_an_empty_server_and_its_resource_can_introspect_once_its_client_exists()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var file = new ManifestFile(Example);
        await using var server = await ServerUnderTest.StartOnAsync(database.ConnectionString, $"--IdentityServer:Manifest={file.Path}");
        var shop = Calls.Basic("shop", "a secret of the shop");
        var resource = Calls.Basic("resource-api", "a secret of the store");

        Assert.Contains(server.Log.Lines, line => line.Contains("$.resources[0].client_id is resource-api, which is no client", StringComparison.Ordinal));
        var tokens = await server.PostFormAsync("/connect/token", [("grant_type", "password"), ("username", "alice"), ("password", "a password of alice")], shop);
        Assert.Equal("data:read data:write offline_access", tokens["scope"]);
        Assert.Equal("invalid_client", (await server.IntrospectsAsync(tokens.AccessToken, resource)).Error);

        Assert.Empty((await server.AppliesAsync(ResourceClient)).Warnings);
        Assert.True((await server.IntrospectsAsync(tokens.AccessToken, resource)).Json.GetProperty("active").GetBoolean());
        var again = await server.AppliesAsync(Example);
        Assert.Empty(again.Lines.Concat(again.Warnings));
    }

    [Fact]
    public async Task The_command_apply_warns_of_a_resource_whose_client_does_not_exist()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var file = new ManifestFile("""{"resources":[{"identifier":"http://a.test","scopes":["a"],"client_id":"nobody"}]}""");

        await using var apply = Operator.Run(server.ConnectionString, "Production", "apply", file.Path);

        Assert.Equal(0, await apply.ExitsAsync());
        Assert.Contains("Warning: $.resources[0].client_id is nobody, which is no client: until it is one, http://a.test can't introspect or read the revocation feed.", apply.Lines);
    }

    [Theory]
    [InlineData("no-such-file.json", "does not exist")]
    [InlineData(".", "is a directory")]
    public async Task A_manifest_that_cannot_be_read_stops_the_start(string name, string why)
    {
        using var file = new ManifestFile("{}");
        var path = Path.Combine(Path.GetDirectoryName(file.Path)!, name);

        var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartAsync($"--IdentityServer:Manifest={path}"));

        Assert.Equal($"The setting IdentityServer:Manifest is \"{Path.GetFullPath(path)}\", which {why}; it must be the path of a manifest, or nothing.", refused.Message);
    }

    [Fact]
    public async Task All_running_nodes_follow()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var node = await server.StartNodeAsync();

        await server.AppliesAsync(Kiosk);
        await node.FollowsAsync();

        Assert.Equal(HttpStatusCode.OK, (await node.ActsAsync("kiosk", "the secret of the kiosk")).Status);
    }

    [Fact]
    public async Task Two_nodes_that_apply_at_once_apply_one_after_the_other()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var node = await server.StartNodeAsync();
        var version = await server.VersionAsync();

        var changes = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => (i % 2 == 0 ? server : node).AppliesAsync(Kiosk)));

        Assert.Equal([0, 0, 0, 0, 0, 2], changes.Select(list => list.Count).Order());
        Assert.Equal(version + 1, await server.VersionAsync());
    }

    [Fact]
    public async Task The_command_apply_prints_names_and_no_secret()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var file = new ManifestFile(Kiosk.Replace("\"users\"", "\"resources\":[],\"users\"", StringComparison.Ordinal));

        await using var apply = Operator.Run(server.ConnectionString, "Production", "apply", file.Path, "--prune");
        Assert.Equal(0, await apply.ExitsAsync());
        await server.FollowsAsync();

        Assert.Contains("created client kiosk", apply.Lines);
        Assert.Contains("removed client rival", apply.Lines);
        Assert.Contains("created user bob", apply.Lines);
        Assert.Contains($"Applied {file.Path}: 10 changes.", apply.Lines);
        Assert.DoesNotContain(apply.Lines, line => line.Contains("the secret of the kiosk", StringComparison.Ordinal) || line.Contains("bob's first password", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync("kiosk", "the secret of the kiosk")).Status);
    }

    [Fact]
    public async Task The_command_apply_reports_a_mistake_in_one_line()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var file = new ManifestFile("""{"clients":[{"client_id":"kiosk"}]}""");

        await using var apply = Operator.Run(database.ConnectionString, "Development", "apply", file.Path);

        Assert.Equal(1, await apply.ExitsAsync());
        Assert.StartsWith($"The manifest {file.Path} is not applied: $.clients[0].client_secret is missing", Assert.Single(apply.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Development_has_clients_and_a_user_with_a_printed_password()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        await using var program = Operator.Run(database.ConnectionString, "Development");
        await program.AnswersAsync();
        await program.SaysAsync("Development account alice was made with the password: correct horse battery staple");

        using var http = new HttpClient { BaseAddress = program.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/connect/token")
        {
            Content = new FormUrlEncodedContent([new("grant_type", "password"), new("username", "alice"), new("password", "correct horse battery staple")]),
            Headers = { Authorization = Calls.Basic("postman", "postman-development-secret") },
        };
        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("refresh_token", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // Postman's client may use every grant: these are refused only because the rest is missing.
        foreach (var grantType in GrantTypes.Served)
        {
            using var bare = new HttpRequestMessage(HttpMethod.Post, "/connect/token")
            {
                Content = new FormUrlEncodedContent([new("grant_type", grantType)]),
                Headers = { Authorization = Calls.Basic("postman", "postman-development-secret") },
            };
            using var tried = await http.SendAsync(bare);
            Assert.True(grantType == GrantTypes.ClientCredentials ? tried.StatusCode == HttpStatusCode.OK : (await tried.Content.ReadAsStringAsync()).Contains("\"invalid_request\"", StringComparison.Ordinal), grantType);
        }
        foreach (var callback in (string[])["https://oauth.pstmn.io/v1/callback", "http://127.0.0.1:49152/callback"])
        {
            var authorize = $"/connect/authorize?client_id=postman&response_type=code&redirect_uri={Uri.EscapeDataString(callback)}&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
            Assert.Contains("sign-in", (await http.GetAsync(authorize)).RequestMessage!.RequestUri!.AbsolutePath, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Development", null, true)]
    [InlineData("Development", "", false)]
    [InlineData("Production", null, false)]
    [InlineData("Staging", null, false)]
    public void Only_development_has_a_manifest_of_its_own(string environment, string? setting, bool hasOne)
    {
        var builder = WebApplication.CreateBuilder([$"--environment={environment}", .. setting is null ? Array.Empty<string>() : [$"--IdentityServer:Manifest={setting}"]]);

        var settings = new SettingsReader(builder.Configuration, builder.Environment).Read<ManifestSettings>();

        Assert.Equal((hasOne, hasOne), (settings.File is not null, settings.IsBuiltIn));
    }
}
