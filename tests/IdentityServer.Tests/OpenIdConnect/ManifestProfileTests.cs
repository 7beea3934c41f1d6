using System.Net;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.OpenIdConnect;

/// <summary>Accounts and clients for sign-in in a browser, as a manifest describes them.</summary>
public sealed class ManifestProfileTests
{
    private const string Bob =
        """
        {"users":[{"username":"bob","email":"bob@example.com","password":"a password of some length","full_name":"Bob Example","phone_number":"+1 (555) 010-9999",
          "profile":{"given_name":"Bob","birthdate":"0000-02-29","website":"https://bob.example/","address":{"street_address":"1 High Street\nFlat 2","country":"UK"}}}]}
        """;

    [Fact, Rfc("OIDC Core", "5.1")]
    public async Task Userinfo_returns_the_profile_from_the_manifest_and_applying_it_again_changes_nothing()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Bob);
        Assert.Empty((await server.AppliesAsync(Bob)).Lines);

        var tokens = await (await server.HasBrowserOfAsync("bob")).SignsInAtAsync(server, CodeFlow.PortalRequest(("scope", "openid profile email address phone")));
        var info = (await server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens.AccessToken) } })).Json;

        Assert.Equal(("Bob", "0000-02-29", "https://bob.example/", "UK"), (info.GetProperty("given_name").GetString(), info.GetProperty("birthdate").GetString(), info.GetProperty("website").GetString(), info.GetProperty("address").GetProperty("country").GetString()));
        Assert.Equal(("+1 (555) 010-9999", true, true), (info.GetProperty("phone_number").GetString(), info.GetProperty("phone_number_verified").GetBoolean(), info.GetProperty("email_verified").GetBoolean()));
    }

    [Fact]
    public async Task A_changed_profile_sets_updated_at_and_a_manifest_without_a_profile_keeps_it()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Bob);

        Assert.Equal(["changed user bob (profile)"], (await server.AppliesAsync(Bob.Replace("\"Bob\"", "\"Rob\"", StringComparison.Ordinal))).Lines);
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM users WHERE user_name = 'bob' AND updated_at IS NOT NULL AND profile ->> 'given_name' = 'Rob'"));
        Assert.Empty((await server.AppliesAsync("""{"users":[{"username":"bob"}]}""")).Lines);
    }

    [Fact]
    public async Task A_client_from_a_manifest_signs_users_in()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(
            """
            {"clients":[{"client_id":"described","token_endpoint_auth_method":"none","application_type":"native","grant_types":["authorization_code"],"scope":"openid",
              "redirect_uris":["http://[::1]/callback","http://localhost:3000/callback","com.example.described:/callback","https://described.example/callback"]}]}
            """);
        await Around.FollowsAsync(server);
        var alice = await server.HasBrowserOfAsync();

        foreach (var address in new[] { "http://[::1]:4711/callback", "http://localhost:3000/callback", "http://localhost:3001/callback", "com.example.described:/callback", "https://described.example/callback" })
        {
            var page = await alice.AuthorizesAsync(CodeFlow.NativeRequest(("client_id", "described"), ("redirect_uri", address), ("prompt", "consent")));
            Assert.Equal(HttpStatusCode.OK, page.Status);
            Assert.StartsWith(address + "?code=", (await alice.PressAsync(page, "consent-allow")).Location, StringComparison.Ordinal);
            // RFC 6749 §4.1.2: the browser follows the form's redirect, and the client may redirect on to anywhere.
            Assert.DoesNotContain("form-action", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        }
        (await alice.AuthorizesAsync(CodeFlow.NativeRequest(("client_id", "described"), ("redirect_uri", "http://localhost:3001/other")))).ShowsError();
    }

    [Theory, Rfc("8252", "7"), Rfc("9700", "2.6")]
    [InlineData("https://app.example/callback?x=1", false, true)]
    [InlineData("http://127.0.0.1:8080/callback", false, true)]
    [InlineData("http://[::1]/callback", false, true)]
    [InlineData("http://localhost:3000/callback", false, true)]
    [InlineData("com.example.app:/callback", true, true)]
    [InlineData("com.example.app:/callback", false, false)]
    [InlineData("myapp:/callback", true, false)]
    [InlineData("javascript:alert(1)", true, false)]
    [InlineData("data:text/html,x", true, false)]
    [InlineData("file:///etc/passwd", true, false)]
    [InlineData("http://app.example/callback", true, false)]
    [InlineData("http://localhost.evil.example/", true, false)]
    [InlineData("https://user:password@app.example/", false, false)]
    [InlineData("https://app.example/#fragment", false, false)]
    [InlineData("https://app.example/\u00fc", false, false)]
    [InlineData("https:app.example", false, false)]
    [InlineData("https:///callback", false, false)]
    [InlineData("/callback", false, false)]
    [InlineData("https://app.example/callback?x=1&iss=", false, false)]
    [InlineData("com.example.app:/callback?%69ss=x", true, false)]
    [InlineData("https://app.example/iss?issue=1", false, true)]
    public void Only_safe_redirect_URIs_are_accepted(string address, bool isNative, bool isAllowed) =>
        Assert.Equal(isAllowed, RedirectUris.MistakeIn(address, isNative) is null);
}
