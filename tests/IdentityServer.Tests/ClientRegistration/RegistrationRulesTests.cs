using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Tests.ClientAuthentication;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.ClientRegistration;

/// <summary>A server that lets anybody register a client.</summary>
public sealed class OpenServer : IAsyncLifetime
{
    internal ServerUnderTest Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await ServerUnderTest.StartAsync("--Registration:Mode=open");

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>What a client may register about itself (RFC 7591 §2, §3.2; OpenID Connect Registration §2).</summary>
public sealed class RegistrationRulesTests(OpenServer open) : IClassFixture<OpenServer>
{
    private readonly ServerUnderTest _server = open.Server;

    [Fact, Rfc("7591", "2"), Rfc("7591", "3.2.1"), Rfc("7592", "3")]
    public async Task A_client_registers_with_the_defaults_of_the_standard()
    {
        var before = _server.Clock.GetUtcNow().ToUnixTimeSeconds();

        var answer = await _server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback } });

        Assert.Equal(HttpStatusCode.Created, answer.Status);
        answer.IsNeverStored();
        Assert.Equal("client_secret_basic", answer["token_endpoint_auth_method"]);
        Assert.Equal(["authorization_code"], answer.Texts("grant_types"));
        Assert.Equal(["code"], answer.Texts("response_types"));
        Assert.Equal([Registrar.Callback], answer.Texts("redirect_uris"));
        Assert.Equal("openid profile email address phone roles offline_access", answer["scope"]);
        Assert.Equal("0", answer["client_secret_expires_at"]);
        Assert.Equal(43, answer["client_secret"]!.Length);
        Assert.Equal(43, answer["registration_access_token"]!.Length);
        Assert.InRange(long.Parse(answer["client_id_issued_at"]!, System.Globalization.CultureInfo.InvariantCulture), before, before + 60);
        Assert.Equal($"{ClientSigner.Issuer}/connect/register/{answer["client_id"]}", answer["registration_client_uri"]);
        // A sub is a client's id or a user's UUID.
        Assert.False(Guid.TryParse(answer["client_id"], out _));
        Assert.Equal(
            ["client_id", "client_id_issued_at", "client_secret", "client_secret_expires_at", "grant_types", "redirect_uris", "registration_access_token", "registration_client_uri", "response_types", "scope", "token_endpoint_auth_method"],
            answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(true, "client_secret_basic", false), InlineData(false, "client_secret_basic", true), InlineData(false, "none", false)]
    public async Task The_operator_decides_which_clients_need_no_PKCE(bool isRequired, string method, bool mayGoWithout)
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open", $"--Registration:RequirePkce={isRequired}");
        // What the client itself says does not count.
        var client = await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, token_endpoint_auth_method = method, require_pkce = false });
        await server.FollowsAsync();

        var answer = await new Browser(server).GetAsync($"/connect/authorize?response_type=code&scope=openid&client_id={client["client_id"]}&redirect_uri={Uri.EscapeDataString(Registrar.Callback)}");

        if (mayGoWithout)
            answer.AsksToSignIn();
        else
            answer.SendsBack("invalid_request", state: null, callback: Registrar.Callback);
    }

    [Fact]
    public async Task A_key_set_that_PostgreSQL_cannot_store_is_refused()
    {
        foreach (var member in new[] { "\"a\\u0000b\":1", "\"x\":\"\\u0000\"", "\"x\":{\"\\ud800\":1}", "\"x\":[{\"y\":1e999999}]", "\"x\":1E-999999" })
        {
            var jwks = new ClientSigner("x").Jwks()[..^1] + "," + member + "}";
            (await _server.PostJsonAsync(Registrar.Path, $"{{\"redirect_uris\":[\"{Registrar.Callback}\"],\"token_endpoint_auth_method\":\"private_key_jwt\",\"jwks\":{jwks}}}")).Refuses("invalid_client_metadata");
        }
    }

    [Fact, Rfc("7591", "3.2.1")]
    public async Task The_answer_repeats_all_registered_metadata_and_nothing_else()
    {
        var keys = JsonNode.Parse(new ClientSigner("x").Jwks());
        var all = new JsonObject
        {
            ["redirect_uris"] = new JsonArray("https://app.example/a", "https://app.example/b?x=1"), ["token_endpoint_auth_method"] = "private_key_jwt",
            ["grant_types"] = new JsonArray("authorization_code", "refresh_token"), ["response_types"] = new JsonArray("code"), ["application_type"] = "web",
            ["client_name"] = "Zoë's app", ["client_uri"] = "https://app.example", ["logo_uri"] = "https://app.example/logo.png", ["policy_uri"] = "https://app.example/policy", ["tos_uri"] = "https://app.example/tos",
            ["contacts"] = new JsonArray("a@app.example"), ["scope"] = "openid email", ["jwks"] = keys, ["software_id"] = "app", ["software_version"] = "1.0", ["default_max_age"] = 60, ["require_auth_time"] = true,
            ["default_acr_values"] = new JsonArray("urn:x"), ["initiate_login_uri"] = "https://app.example/login", ["id_token_signed_response_alg"] = "ES256", ["userinfo_signed_response_alg"] = "RS256",
            ["post_logout_redirect_uris"] = new JsonArray("https://app.example/out"), ["backchannel_logout_uri"] = "https://app.example/logout", ["backchannel_logout_session_required"] = true,
            ["token_endpoint_auth_signing_alg"] = "ES256", ["require_pushed_authorization_requests"] = true, ["dpop_bound_access_tokens"] = true,
        };
        var sent = (JsonObject)all.DeepClone();
        // RFC 7591 §2: unknown members are ignored, and so are those that only the operator may set.
        foreach (var (name, value) in new (string, JsonNode)[] { ("unknown", 1), ("require_pkce", false), ("require_consent", false), ("disabled", false), ("client_id", "chosen"), ("software_statement", "x"), ("request_uris", new JsonArray("https://app.example/r")) })
            sent[name] = value;

        var answer = await _server.RegistersAsync(sent.ToJsonString());

        Assert.Equal(HttpStatusCode.Created, answer.Status);
        Assert.NotEqual("chosen", answer["client_id"]);
        var told = (JsonObject)JsonNode.Parse(answer.Body)!;
        foreach (var ours in new[] { "client_id", "client_id_issued_at", "registration_access_token", "registration_client_uri" })
            Assert.True(told.Remove(ours));
        Assert.True(JsonNode.DeepEquals(all, told), told.ToJsonString());
        Assert.True(JsonNode.DeepEquals(told, Without((await _server.LooksAsync(answer)).Body)));
    }

    [Theory, Rfc("7591", "5"), Rfc("8252", "7"), Rfc("9700", "4.1")]
    [InlineData("web", "https://app.example/cb", true), InlineData("web", "https://app.example", true), InlineData("web", "https://localhost/cb", true), InlineData("web", "https://app.example/cb?a=b%20c", true)]
    [InlineData("web", "http://app.example/cb", false), InlineData("web", "http://localhost/cb", false), InlineData("web", "com.example.app:/cb", false)]
    [InlineData("native", "https://app.example/cb", true), InlineData("native", "http://localhost/cb", true), InlineData("native", "http://127.0.0.1:51004/cb", true), InlineData("native", "http://[::1]/cb", true), InlineData("native", "com.example.app:/cb", true), InlineData("native", "com.example.app://cb", true)]
    [InlineData("native", "http://app.example/cb", false), InlineData("native", "http://localhost.evil.example/cb", false), InlineData("native", "http://127.0.0.1.evil.example/cb", false), InlineData("native", "myapp:/cb", false), InlineData("native", "myapp://cb", false)]
    [InlineData("web", "https://app.example/cb#", false), InlineData("web", "https://app.example/cb#x", false), InlineData("web", "/cb", false), InlineData("web", "app.example/cb", false), InlineData("web", "//app.example/cb", false), InlineData("web", "", false)]
    [InlineData("web", "https://user@app.example/cb", false), InlineData("web", "https://user:pw@app.example/cb", false), InlineData("web", "https:app.example/cb", false), InlineData("web", "https:///cb", false), InlineData("web", "https://app.example/a b", false), InlineData("web", "https://app.example/cb\n", false), InlineData("web", " https://app.example/cb", false), InlineData("web", "https://app.example\\@evil.example/", false), InlineData("web", "https://äpp.example/cb", false)]
    [InlineData("native", "javascript:alert(1)", false), InlineData("native", "data:text/html,x", false), InlineData("native", "file:///etc/passwd", false), InlineData("web", "javascript://app.example/%0aalert(1)", false), InlineData("web", "https://*", false)]
    public async Task A_redirect_URI_must_be_safe_for_its_application_type(string type, string uri, bool isAccepted)
    {
        var answer = await _server.RegistersAsync(new { application_type = type, redirect_uris = new[] { Registrar.Callback, uri } });

        if (isAccepted)
            Assert.Equal([Registrar.Callback, uri], answer.Texts("redirect_uris"));
        else
            answer.Refuses("invalid_redirect_uri");
    }

    [Fact, Rfc("OIDC Registration", "2"), Rfc("8252", "8.4")]
    public async Task The_default_type_is_web_or_native_for_a_public_client_on_loopback()
    {
        (await _server.RegistersAsync(new { redirect_uris = new[] { "http://localhost:3000/cb" } })).Refuses("invalid_redirect_uri");
        var answer = await _server.RegistersAsync(new { redirect_uris = new[] { "http://localhost:3000/cb" }, token_endpoint_auth_method = "none" });
        Assert.Equal((HttpStatusCode.Created, "native"), (answer.Status, answer["application_type"]));
        (await _server.RegistersAsync(new { redirect_uris = new[] { "http://localhost:3000/cb" }, token_endpoint_auth_method = "none", application_type = "web" })).Refuses("invalid_redirect_uri");
        (await _server.RegistersAsync(new { redirect_uris = new[] { "http://app.example/cb" }, token_endpoint_auth_method = "none" })).Refuses("invalid_redirect_uri");
    }

    public static TheoryData<string> WrongRedirectUris =>
        ["""{}""", """{"redirect_uris":[]}""", """{"redirect_uris":null}""", """{"redirect_uris":"https://app.example/cb"}""", """{"redirect_uris":[7]}""", """{"redirect_uris":[null]}""", """{"redirect_uris":{}}""", """{"redirect_uris":[["https://app.example/cb"]]}""",
            $$"""{"redirect_uris":[{{string.Join(',', Enumerable.Range(0, 51).Select(i => $"\"https://app.example/{i}\""))}}]}""", $$"""{"redirect_uris":["https://app.example/{{new string('a', 2000)}}"]}"""];

    [Theory, MemberData(nameof(WrongRedirectUris)), Rfc("7591", "3.2.2")]
    public async Task Missing_malformed_or_too_many_redirect_URIs_are_refused(string json) => (await _server.RegistersAsync(json)).Refuses("invalid_redirect_uri");

    [Theory, Rfc("7591", "3.2.2")]
    [InlineData("\"token_endpoint_auth_method\":\"client_secret_jwt\""), InlineData("\"token_endpoint_auth_method\":7"), InlineData("\"grant_types\":[\"implicit\"]"), InlineData("\"grant_types\":[\"password\"]"), InlineData("\"grant_types\":[\"authorization_code\",\"client_credentials\"]"), InlineData("\"grant_types\":\"authorization_code\"")]
    [InlineData("\"grant_types\":[\"urn:ietf:params:oauth:grant-type:token-exchange\"]"), InlineData("\"grant_types\":[\"refresh_token\"],\"response_types\":[\"code\"]"), InlineData("\"response_types\":[\"token\"]"), InlineData("\"response_types\":[\"code\",\"id_token\"]"), InlineData("\"response_types\":[]"), InlineData("\"response_types\":\"code\"")]
    [InlineData("\"scope\":\"data:read\""), InlineData("\"scope\":\"openid admin\""), InlineData("\"scope\":[\"openid\"]"), InlineData("\"scope\":\"open\\\"id\""), InlineData("\"client_name\":7"), InlineData("\"client_name\":\"\""), InlineData("\"client_name\":\"a\\u0000b\""), InlineData("\"client_name\":\"a\\nb\""), InlineData("\"client_name\":\"\\ud800\"")]
    [InlineData("\"client_uri\":\"javascript:alert(1)\""), InlineData("\"logo_uri\":\"data:image/png,x\""), InlineData("\"tos_uri\":\"/tos\""), InlineData("\"contacts\":\"a@b\""), InlineData("\"default_max_age\":-1"), InlineData("\"default_max_age\":\"60\""), InlineData("\"default_max_age\":1e30"), InlineData("\"require_auth_time\":\"true\"")]
    [InlineData("\"jwks\":{\"keys\":[]},\"jwks_uri\":\"https://app.example/keys\""), InlineData("\"jwks\":[]"), InlineData("\"jwks\":\"x\""), InlineData("\"jwks\":{\"keys\":{}}"), InlineData("\"jwks\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"), InlineData("\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"d\":\"AA\"}]}")]
    [InlineData("\"jwks\":{\"keys\":[],\"x\":\"\\u0000\"}"), InlineData("\"jwks\":{\"keys\":[],\"\\u0000\":1}"), InlineData("\"jwks\":{\"keys\":[{\"kid\":\"a\\u0000\"}]}"), InlineData("\"jwks\":{\"keys\":[],\"x\":\"\\ud800\"}")]
    [InlineData("\"jwks\":{\"keys\":[],\"x\":1e400000}"), InlineData("\"jwks\":{\"keys\":[],\"x\":[1E-400000]}")]
    [InlineData("\"client_name\":\"App\\u202eppA\""), InlineData("\"client_name\":\"App\\u2066\"")]
    [InlineData("\"token_endpoint_auth_method\":\"private_key_jwt\""), InlineData("\"token_endpoint_auth_method\":\"private_key_jwt\",\"jwks\":{\"keys\":[]}"), InlineData("\"jwks_uri\":\"http://app.example/keys\""), InlineData("\"jwks_uri\":\"https://user@app.example/keys\""), InlineData("\"backchannel_logout_uri\":\"ftp://app.example\""), InlineData("\"initiate_login_uri\":\"http://app.example\"")]
    [InlineData("\"token_endpoint_auth_signing_alg\":\"HS256\""), InlineData("\"id_token_signed_response_alg\":\"none\""), InlineData("\"subject_type\":\"pairwise\""), InlineData("\"application_type\":\"desktop\"")]
    public async Task Invalid_metadata_is_refused(string members) =>
        await RefusesMetadataAsync($$"""{"redirect_uris":["https://app.example/cb"],{{members}}}""", "invalid_client_metadata");

    [Fact]
    public async Task An_unsafe_post_logout_redirect_URI_is_refused_too() =>
        await RefusesMetadataAsync("""{"redirect_uris":["https://app.example/cb"],"post_logout_redirect_uris":["http://evil.example"]}""", "invalid_redirect_uri");

    [Theory, Rfc("7591", "3.1")]
    [InlineData("", "invalid_client_metadata"), InlineData("[]", "invalid_client_metadata"), InlineData("null", "invalid_client_metadata"), InlineData("{", "invalid_client_metadata"), InlineData("{} {}", "invalid_client_metadata"), InlineData("\"x\"", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://app.example/cb"],"redirect_uris":["https://evil.example/cb"]}""", "invalid_client_metadata")]
    public async Task The_body_must_be_one_JSON_object(string body, string error) => (await _server.RegistersAsync(body)).Refuses(error);

    [Fact]
    public async Task A_body_of_another_type_or_too_long_is_refused()
    {
        (await _server.SendAsync(new(HttpMethod.Post, Registrar.Path) { Content = new StringContent("{}", Encoding.UTF8, "text/plain") })).Refuses("invalid_request");
        (await _server.PostFormAsync(Registrar.Path, [("redirect_uris", Registrar.Callback)])).Refuses("invalid_request");
        (await _server.RegistersAsync(JsonSerializer.Serialize(new { redirect_uris = new[] { Registrar.Callback }, x = new string('x', 64 * 1024) }))).Refuses(HttpStatusCode.RequestEntityTooLarge, "invalid_request");
        (await _server.RegistersAsync("{\"a\":" + new string('[', 5000) + new string(']', 5000) + "}")).Refuses("invalid_client_metadata");
        (await _server.SendAsync(new(HttpMethod.Get, Registrar.Path))).Refuses(HttpStatusCode.MethodNotAllowed, "invalid_request");
    }

    [Fact]
    public async Task A_refused_registration_creates_no_client()
    {
        var before = await _server.ReadAsync<long>("SELECT count(*) FROM clients");

        await _server.RegistersAsync("""{"redirect_uris":["https://app.example/cb"],"scope":"data:write"}""");

        Assert.Equal(before, await _server.ReadAsync<long>("SELECT count(*) FROM clients"));
    }

    private async Task RefusesMetadataAsync(string json, string error)
    {
        var answer = await _server.RegistersAsync(json);

        Assert.Equal((HttpStatusCode.BadRequest, error), (answer.Status, answer.Error));
        answer.IsNeverStored();
        // RFC 6749 §5.2; and the answer doesn't echo the request.
        Assert.DoesNotContain(answer["error_description"]!, c => c is < ' ' or > '~' or '"' or '\\');
        Assert.DoesNotContain("evil", answer["error_description"], StringComparison.Ordinal);
    }

    private static JsonObject Without(string body)
    {
        var told = (JsonObject)JsonNode.Parse(body)!;
        foreach (var ours in new[] { "client_id", "client_id_issued_at", "registration_access_token", "registration_client_uri" })
            told.Remove(ours);
        return told;
    }
}
