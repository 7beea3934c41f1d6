using System.Net;
using System.Net.Http.Headers;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.MutualTls;

/// <summary>Access tokens that are bound to a certificate (RFC 8705 §3), over real TLS.</summary>
public sealed class CertificateBoundTokenTests(TlsServer shared) : IClassFixture<TlsServer>
{
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    private static readonly (string, string)[] ClientCredentials = [("grant_type", "client_credentials"), ("scope", "data:read")];

    private static int _clients;

    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> Methods => ["self_signed_tls_client_auth", "client_secret_basic"];

    [Theory, Rfc("8705", "3.1"), MemberData(nameof(Methods))]
    public async Task Access_tokens_are_bound_to_the_clients_certificate_with_every_grant_type(string method)
    {
        var client = await New().RegisteredAtAsync(_server, method, hasBoundTokens: true);

        IsBound(client, await PostsAsync(client, method, ClientCredentials));
        var signedIn = await SignsInAsync(client, method);
        IsBound(client, signedIn);
        var refreshed = await PostsAsync(client, method, [("grant_type", "refresh_token"), ("refresh_token", signedIn.RefreshToken!)]);
        IsBound(client, refreshed);
        IsBound(client, await ExchangesAsync(client, method, refreshed.AccessToken!));
        var browser = await _server.HasBrowserOfAsync();
        var code = await browser.GetsCodeAsync(CodeFlow.WebRequest(("client_id", client.ClientId)));
        IsBound(client, await PostsAsync(client, method, [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", World.WebCallback), ("code_verifier", CodeFlow.Verifier)]));
    }

    [Fact, Rfc("8705", "3.4")]
    public async Task A_client_without_its_certificate_gets_no_token_and_spends_nothing()
    {
        var client = await New().RegisteredAtAsync(_server, "client_secret_basic", hasBoundTokens: true);
        var refreshToken = (await SignsInAsync(client, "client_secret_basic")).RefreshToken!;
        (string, string)[] refresh = [("grant_type", "refresh_token"), ("refresh_token", refreshToken)];

        (await _server.PostFormAsync("/connect/token", ClientCredentials, Secret(client))).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", refresh, Secret(client))).Refuses("invalid_request");

        IsBound(client, await PostsAsync(client, "client_secret_basic", refresh));
    }

    [Fact, Rfc("8705", "3")]
    public async Task A_client_that_did_not_ask_for_bound_tokens_gets_none_even_with_a_certificate()
    {
        var answer = await New().PostsAsync(_server, "/connect/token", ClientCredentials, Calls.AsShop);

        Assert.Equal("Bearer", answer["token_type"]);
        Assert.False(Around.Claims(answer.AccessToken).TryGetProperty("cnf", out _));
    }

    [Fact, Rfc("8705", "3.2")]
    public async Task Introspection_shows_what_a_token_is_bound_to()
    {
        var client = await New().RegisteredAtAsync(_server, hasBoundTokens: true);
        var token = (await PostsAsync(client, "", ClientCredentials)).AccessToken;

        var told = await _server.IntrospectsAsync(token);

        Assert.Equal(("True", "Bearer"), (told["active"], told["token_type"]));
        Assert.Equal(client.Thumbprint, told.Json.GetProperty("cnf").GetProperty("x5t#S256").GetString());
    }

    [Fact, Rfc("8705", "3")]
    public async Task Userinfo_accepts_a_bound_token_only_on_a_connection_with_its_certificate()
    {
        var client = await New().RegisteredAtAsync(_server, hasBoundTokens: true);
        var token = (await SignsInAsync(client, "")).AccessToken!;

        Assert.Equal(HttpStatusCode.OK, (await client.GetsAsync(_server, "/connect/userinfo", token)).Status);
        (await New().GetsAsync(_server, "/connect/userinfo", token)).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        (await TlsClient.GetAsync(_server.Http, "/connect/userinfo", token)).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        await using var node = await _server.StartNodeAsync(shared.Listening);
        (await client.GetsAsync(node, "/connect/userinfo", token)).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
    }

    [Fact, Rfc("8705", "3")]
    public async Task The_account_API_accepts_a_bound_token_only_on_a_connection_with_its_certificate()
    {
        var client = await New().RegisteredAtAsync(_server, hasBoundTokens: true);
        var token = (await SignsInAsync(client, "")).AccessToken!;
        var bearer = new AuthenticationHeaderValue("Bearer", token);

        Assert.Equal(HttpStatusCode.Unauthorized, (await TlsClient.PostAsync(_server.Http, "/logout", [], bearer)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await New().PostsAsync(_server, "/logout", [], bearer)).Status);
        Assert.NotEqual(HttpStatusCode.Unauthorized, (await client.PostsAsync(_server, "/logout", [], bearer)).Status);
    }

    [Fact, Rfc("8693", "2.1"), Rfc("8705", "3")]
    public async Task Exchanging_a_bound_token_gives_a_bound_token()
    {
        var client = await New().RegisteredAtAsync(_server, "client_secret_basic", hasBoundTokens: true);
        var token = (await SignsInAsync(client, "client_secret_basic")).AccessToken!;

        // The client exchanges its own token, so it must prove its own certificate.
        (await New().PostsAsync(_server, "/connect/token", Exchange(token), Secret(client))).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", Exchange(token), Secret(client))).Refuses("invalid_request");

        // An API exchanges its caller's token, and has only a certificate of its own.
        var (api, unbound) = (New(), New());
        foreach (var (resource, one) in ((string, TlsClient)[])[("https://bound.example", api), ("https://unbound.example", unbound)])
        {
            await one.RegisteredAtAsync(_server, hasBoundTokens: one == api);
            await _server.ConfiguresAsync(db => db.Resources.Add(new() { Identifier = resource, Name = resource, Scopes = [$"{one.ClientId}:do"], ClientId = one.ClientId }));
        }
        await _server.ExecuteAsync("UPDATE clients SET scopes = scopes || ARRAY[$1, $2] WHERE client_id IN ($3, $4, $5)", $"{api.ClientId}:do", $"{unbound.ClientId}:do", client.ClientId, api.ClientId, unbound.ClientId);
        await _server.ConfiguresAsync(_ => { });
        foreach (var one in (TlsClient[])[api, unbound])
        {
            var called = (await client.PostsAsync(_server, "/connect/token", Password([("scope", $"{one.ClientId}:do")]), Secret(client))).AccessToken!;
            var answer = await one.PostsAsync(_server, "/connect/token", Exchange(called, $"{one.ClientId}:do"));
            if (one == api)
                IsBound(api, answer);
            else
                answer.Refuses("invalid_request");
        }
    }

    private static void IsBound(TlsClient client, Answer answer)
    {
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        // RFC 8705 §3: the type stays Bearer.
        Assert.Equal("Bearer", answer["token_type"]);
        Assert.Equal(client.Thumbprint, Around.Claims(answer.AccessToken).GetProperty("cnf").GetProperty("x5t#S256").GetString());
    }

    private Task<Answer> PostsAsync(TlsClient client, string method, (string, string)[] form) =>
        client.PostsAsync(_server, "/connect/token", form, method == "client_secret_basic" ? Secret(client) : null);

    private Task<Answer> SignsInAsync(TlsClient client, string method) => PostsAsync(client, method, Password([("scope", "openid data:read offline_access")]));

    private static (string, string)[] Password((string, string)[] more) =>
        [("grant_type", "password"), ("username", World.Alice), ("password", World.AlicePassword), .. more];

    private Task<Answer> ExchangesAsync(TlsClient client, string method, string token) => PostsAsync(client, method, Exchange(token));

    private static (string, string)[] Exchange(string token, string scope = "data:read") =>
        [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", token), ("subject_token_type", AccessTokenType), ("scope", scope)];

    private static AuthenticationHeaderValue Secret(TlsClient client) => Calls.Basic(client.ClientId, client.ClientId);

    private static TlsClient New() => new($"bound{Interlocked.Increment(ref _clients)}");
}
