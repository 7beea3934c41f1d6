using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>RFC 8707 at the token endpoint. Beside the world's resource there are two that serve <c>mail:send</c>, one of them <c>data:read</c> too.</summary>
public sealed class ResourceIndicatorTests(ResourceIndicatorTests.TwoMore more) : IClassFixture<ResourceIndicatorTests.TwoMore>
{
    private const string Mail = "https://mail.example/api";
    private const string Relay = "urn:example:relay";
    private const string Unreachable = "https://other.example";

    private readonly ServerUnderTest _server = more.Server;

    public sealed class TwoMore : IAsyncLifetime
    {
        internal ServerUnderTest Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await ServerUnderTest.StartAsync();
            await Server.ConfiguresAsync(db =>
            {
                db.Resources.AddRange(
                    new() { Identifier = Mail, Scopes = ["mail:send", "mail:read"] },
                    new() { Identifier = Relay, Scopes = ["mail:send", "data:read"] },
                    new() { Identifier = Unreachable, Scopes = ["other"] });
                db.Clients.Add(new()
                {
                    ClientId = "office", AuthMethod = "client_secret_basic", SecretHashes = [Server.SecretHash("secret")],
                    GrantTypes = ["client_credentials", "password", "refresh_token"], Scopes = [.. World.AllScopes, "mail:send", "mail:read"],
                });
            });
        }

        public async ValueTask DisposeAsync() => await Server.DisposeAsync();
    }

    private static (string, string)[] ClientCredentials => [("grant_type", "client_credentials")];

    private static (string, string)[] Password => [("grant_type", "password"), ("username", World.Alice), ("password", World.AlicePassword)];

    private static (string, string)[] Refresh(Answer answer) => [("grant_type", "refresh_token"), ("refresh_token", answer.RefreshToken!)];

    private Task<Answer> AskAsync((string, string)[] form, string? scope, params string[] resources) => _server.PostFormAsync(
        "/connect/token",
        [.. form, .. scope is null ? Array.Empty<(string, string)>() : [("scope", scope)], .. resources.Select(resource => ("resource", resource))],
        Calls.Basic("office", "secret"));

    private static string Audience(Answer answer) => Around.Claims(answer.AccessToken).GetProperty("aud").GetRawText();

    [Fact, Rfc("8707", "2.2")]
    public async Task A_named_resource_becomes_the_audience_and_its_scopes_are_granted()
    {
        var answer = await AskAsync(ClientCredentials, null, Mail);

        Assert.Equal(($"\"{Mail}\"", "mail:send mail:read"), (Audience(answer), answer["scope"]));
        Assert.Equal("mail:send mail:read", Around.Claims(answer.AccessToken).GetProperty("scope").GetString());
    }

    [Fact, Rfc("8707", "2")]
    public async Task Several_resources_may_be_named_and_duplicates_count_once()
    {
        var answer = await AskAsync(ClientCredentials, null, Relay, World.Resource, Relay, "");

        Assert.Equal(($"[\"{Relay}\",\"{World.Resource}\"]", "data:read data:write mail:send"), (Audience(answer), answer["scope"]));
    }

    [Fact, Rfc("9068", "3")]
    public async Task Without_a_named_resource_the_audience_is_every_resource_of_the_granted_scopes()
    {
        var answer = await AskAsync(ClientCredentials, "data:write mail:send");

        Assert.Equal($"[\"{World.Resource}\",\"{Mail}\",\"{Relay}\"]", Audience(answer));
    }

    [Fact, Rfc("8707", "2.2")]
    public async Task Only_the_named_resources_part_of_the_requested_scopes_is_granted() =>
        Assert.Equal("mail:send", (await AskAsync(ClientCredentials, "data:write mail:send", Mail))["scope"]);

    [Theory, Rfc("8707", "2")]
    [InlineData("https://nobody.example")]
    [InlineData("https://mail.example/api#x")]
    [InlineData("https://mail.example/api/")]
    [InlineData("HTTPS://MAIL.EXAMPLE/api")]
    [InlineData("mail.example")]
    [InlineData("/api")]
    [InlineData("https://other.example")]
    [InlineData("\u0001")]
    public async Task A_resource_that_is_unknown_or_not_the_clients_is_an_invalid_target(string resource)
    {
        (await AskAsync(ClientCredentials, null, resource)).Refuses("invalid_target");
        (await AskAsync(ClientCredentials, null, Mail, resource)).Refuses("invalid_target");
    }

    [Fact, Rfc("8707", "2")]
    public async Task A_resource_that_serves_none_of_the_scopes_is_an_invalid_target() =>
        (await AskAsync(ClientCredentials, "data:write", World.Resource, Mail)).Refuses("invalid_target");

    [Fact]
    public async Task Eleven_resources_are_too_many()
    {
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(ClientCredentials, null, [.. Enumerable.Repeat(Mail, 10)])).Status);
        (await AskAsync(ClientCredentials, null, [.. Enumerable.Repeat(Mail, 11)])).Refuses("invalid_request");
    }

    [Fact]
    public async Task Only_the_parameter_resource_may_be_repeated() =>
        (await _server.PostFormAsync("/connect/token", [.. ClientCredentials, ("audience", Mail), ("audience", Mail)], Calls.Basic("office", "secret"))).Refuses("invalid_request");

    [Fact, Rfc("8707", "2.2")]
    public async Task A_resource_named_at_a_refresh_narrows_only_that_access_token()
    {
        var signedIn = await AskAsync(Password, null);
        Assert.Equal($"[\"{World.Resource}\",\"{Mail}\",\"{Relay}\"]", Audience(signedIn));

        var narrowed = await AskAsync(Refresh(signedIn), null, Mail);
        Assert.Equal(($"\"{Mail}\"", "offline_access mail:send mail:read"), (Audience(narrowed), narrowed["scope"]));

        var whole = await AskAsync(Refresh(narrowed), null);
        Assert.Equal((Audience(signedIn), signedIn["scope"]), (Audience(whole), whole["scope"]));
    }

    [Fact, Rfc("8707", "2.2")]
    public async Task A_grant_for_one_resource_gives_no_token_for_another_and_asking_does_not_spend_it()
    {
        var signedIn = await AskAsync(Password, null, Mail, Relay);
        Assert.Equal($"[\"{Mail}\",\"{Relay}\"]", Audience(signedIn));
        Assert.Equal("data:read offline_access mail:send mail:read", signedIn["scope"]);

        (await AskAsync(Refresh(signedIn), null, World.Resource)).Refuses("invalid_target");
        (await AskAsync(Refresh(signedIn), "mail:read", Relay)).Refuses("invalid_target");

        var narrowed = await AskAsync(Refresh(signedIn), null, Relay);
        Assert.Equal(($"\"{Relay}\"", "data:read offline_access mail:send"), (Audience(narrowed), narrowed["scope"]));
        var whole = await AskAsync(Refresh(narrowed), null);
        Assert.Equal(Audience(signedIn), Audience(whole));
    }

    [Fact, Rfc("8707", "2.2")]
    public async Task A_narrowed_token_can_be_introspected_only_by_its_own_resource()
    {
        var narrowed = await AskAsync(ClientCredentials, null, Mail);
        Assert.Equal("False", (await _server.IntrospectsAsync(narrowed.AccessToken))["active"]);

        var store = await AskAsync(ClientCredentials, null, World.Resource);
        Assert.Equal("True", (await _server.IntrospectsAsync(store.AccessToken))["active"]);
    }
}
