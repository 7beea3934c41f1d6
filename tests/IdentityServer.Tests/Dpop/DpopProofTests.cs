using System.Buffers.Text;
using System.Net;
using System.Text.Json.Nodes;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Dpop;

/// <summary>Which proofs of possession the token endpoint accepts.</summary>
public sealed class DpopProofTests(SharedServer shared) : IClassFixture<SharedServer>, IDisposable
{
    private static readonly (string, string)[] Form = [("grant_type", "client_credentials")];

    private readonly ServerUnderTest _server = shared.Server;
    private readonly DpopKey _key = new();

    public void Dispose() => _key.Dispose();

    private async Task<Answer> SendAsync(Action<JsonObject, JsonObject>? change = null, string address = DpopCalls.TokenAddress, string method = "POST")
    {
        var nonce = await _server.NonceAsync();
        return await _server.PostProvedAsync(Form, Calls.AsShop, _key.Proof(method, address, _server.Clock.GetUtcNow(), nonce, change: change));
    }

    [Fact, Rfc("9449", "5")]
    public async Task A_token_is_bound_to_the_key_of_the_proof()
    {
        var answer = await SendAsync();

        Assert.Equal((HttpStatusCode.OK, "DPoP"), (answer.Status, answer["token_type"]));
        Assert.Equal($$"""{"jkt":"{{_key.Thumbprint}}"}""", Around.Claims(answer.AccessToken).GetProperty("cnf").GetRawText());
    }

    [Fact, Rfc("9449", "5")]
    public async Task A_token_requested_without_a_proof_is_a_bearer_token()
    {
        var answer = await _server.PostFormAsync("/connect/token", Form, Calls.AsShop);

        Assert.Equal("Bearer", answer["token_type"]);
        Assert.False(Around.Claims(answer.AccessToken).TryGetProperty("cnf", out _));
        Assert.Null(answer.DpopNonce());
    }

    [Theory, Rfc("9449", "4.3")]
    [InlineData("RS256", "RS256", true)]
    [InlineData("PS256", "PS256", true)]
    [InlineData("PS256", "RS256", false)]
    [InlineData("RS256", "PS256", false)]
    public async Task A_proof_by_an_RSA_key_must_be_signed_as_its_algorithm_says(string named, string used, bool isTaken) =>
        Assert.Equal(isTaken ? "DPoP" : null, (await _server.PostProvedAsync(Form, Calls.AsShop, await RsaProofAsync(_server, named, used)))["token_type"]);

    private static async Task<string> RsaProofAsync(ServerUnderTest server, string named, string used)
    {
        using var rsa = System.Security.Cryptography.RSA.Create(2048);
        var parameters = rsa.ExportParameters(false);
        var header = new JsonObject
        {
            ["typ"] = "dpop+jwt",
            ["alg"] = named,
            ["jwk"] = new JsonObject { ["kty"] = "RSA", ["n"] = Base64Url.EncodeToString(parameters.Modulus), ["e"] = Base64Url.EncodeToString(parameters.Exponent) },
        };
        var claims = new JsonObject
        {
            ["jti"] = Guid.NewGuid().ToString(), ["htm"] = "POST", ["htu"] = DpopCalls.TokenAddress, ["iat"] = server.Clock.GetUtcNow().ToUnixTimeSeconds(), ["nonce"] = await server.NonceAsync(),
        };
        var input = Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(header.ToJsonString())) + "." + Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(claims.ToJsonString()));
        var signature = rsa.SignData(System.Text.Encoding.ASCII.GetBytes(input), System.Security.Cryptography.HashAlgorithmName.SHA256, used == "PS256" ? System.Security.Cryptography.RSASignaturePadding.Pss : System.Security.Cryptography.RSASignaturePadding.Pkcs1);
        return $"{input}.{Base64Url.EncodeToString(signature)}";
    }

    public static TheoryData<string, Action<JsonObject, JsonObject>> Broken => new()
    {
        { "typ", (header, _) => header["typ"] = "JWT" },
        { "no typ", (header, _) => header.Remove("typ") },
        { "an access token's typ", (header, _) => header["typ"] = "at+jwt" },
        { "alg none", (header, _) => header["alg"] = "none" },
        { "alg HS256", (header, _) => header["alg"] = "HS256" },
        { "alg of another kind of key", (header, _) => header["alg"] = "RS256" },
        { "crit", (header, _) => header["crit"] = new JsonArray("exp") },
        { "no jwk", (header, _) => header.Remove("jwk") },
        { "jwk is no object", (header, _) => header["jwk"] = "x" },
        { "a symmetric jwk", (header, _) => header["jwk"] = new JsonObject { ["kty"] = "oct", ["k"] = "AAAA" } },
        { "another's jwk", (header, _) => { using var other = new DpopKey(); header["jwk"] = other.PublicJwk(); } },
        { "a point off the curve", (header, _) => header["jwk"]!["x"] = header["jwk"]!["y"]!.DeepClone() },
        { "no jti", (_, claims) => claims.Remove("jti") },
        { "an empty jti", (_, claims) => claims["jti"] = "" },
        { "a jti of 2,000 characters", (_, claims) => claims["jti"] = new string('j', 2_000) },
        { "a number as jti", (_, claims) => claims["jti"] = 1 },
        { "no htm", (_, claims) => claims.Remove("htm") },
        { "another htm", (_, claims) => claims["htm"] = "GET" },
        { "htm in lower case", (_, claims) => claims["htm"] = "post" },
        { "no htu", (_, claims) => claims.Remove("htu") },
        { "no iat", (_, claims) => claims.Remove("iat") },
        { "iat as text", (_, claims) => claims["iat"] = claims["iat"]!.ToString() },
        { "iat two minutes ago", (_, claims) => claims["iat"] = claims["iat"]!.GetValue<long>() - 120 },
        { "iat in a minute", (_, claims) => claims["iat"] = claims["iat"]!.GetValue<long>() + 60 },
        { "iat beyond time", (_, claims) => claims["iat"] = 1e300 },
        { "exp in the past", (_, claims) => claims["exp"] = claims["iat"]!.GetValue<long>() - 1 },
        { "exp as text", (_, claims) => claims["exp"] = "never" },
        { "exp beyond time", (_, claims) => claims["exp"] = 1e300 },
        { "nbf in a minute", (_, claims) => claims["nbf"] = claims["iat"]!.GetValue<long>() + 60 },
        { "nbf as text", (_, claims) => claims["nbf"] = "now" },
        { "a deep claim", (_, claims) => claims["x"] = JsonNode.Parse(new string('[', 30) + new string(']', 30)) },
    };

    [Theory, Rfc("9449", "4.3"), MemberData(nameof(Broken))]
    public async Task A_proof_that_breaks_a_rule_is_refused(string rule, Action<JsonObject, JsonObject> change)
    {
        var answer = await SendAsync(change);

        Assert.True(answer.Error == "invalid_dpop_proof", $"{rule}: {answer.Body}");
        answer.Refuses("invalid_dpop_proof");
    }

    [Fact, Rfc("7519", "4.1.4"), Rfc("7519", "4.1.5")]
    public async Task A_proof_may_limit_its_own_validity()
    {
        // Clocks may differ: nbf may be ahead by as much as iat may.
        foreach (var ahead in new[] { -10, 0, 20 })
        {
            var answer = await SendAsync((_, claims) => (claims["nbf"], claims["exp"]) = (claims["iat"]!.GetValue<long>() + ahead, claims["iat"]!.GetValue<long>() + 30));
            Assert.Equal("DPoP", answer["token_type"]);
        }
    }

    [Fact, Rfc("9449", "4.3")]
    public async Task A_key_with_its_private_part_is_refused() =>
        (await SendAsync((header, _) => header["jwk"] = _key.PrivateJwk())).Refuses("invalid_dpop_proof");

    [Theory, Rfc("9449", "4.3")]
    [InlineData("http://localhost:5000/connect/token?a=b")]
    [InlineData("http://localhost:5000/connect/token#f")]
    [InlineData("HTTP://LOCALHOST:5000/connect/token")]
    [InlineData("http://localhost:5000/connect/./token")]
    [InlineData("http://localhost:5000/%63onnect/token")]
    public async Task The_address_is_compared_normalised_without_query_and_fragment(string address) =>
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(address: address)).Status);

    [Theory, Rfc("9449", "4.3")]
    [InlineData("http://localhost:5000/connect/token/")]
    [InlineData("http://localhost:5000/connect/Token")]
    [InlineData("http://localhost:5000/connect%2Ftoken")]
    [InlineData("http://localhost/connect/token")]
    [InlineData("https://localhost:5000/connect/token")]
    [InlineData("http://user@localhost:5000/connect/token")]
    [InlineData("http://localhost:5000/connect\\token")]
    [InlineData(" http://localhost:5000/connect/token")]
    [InlineData("/connect/token")]
    [InlineData("file:///connect/token")]
    [InlineData("")]
    public async Task A_proof_for_another_address_is_refused(string address) =>
        (await SendAsync(address: address)).Refuses("invalid_dpop_proof");

    [Fact]
    public async Task The_address_is_not_taken_from_the_Host_header()
    {
        // The server's own socket, as in the Host header.
        (await SendAsync(address: new Uri(_server.Address, "/connect/token").ToString())).Refuses("invalid_dpop_proof");
    }

    [Theory]
    [InlineData("x")]
    [InlineData("..")]
    [InlineData("a.b.c")]
    [InlineData("e30.e30.")]
    [InlineData("\"quoted\"")]
    public async Task A_proof_that_is_not_a_JWT_is_refused(string text) =>
        (await _server.PostProvedAsync(Form, Calls.AsShop, text)).Refuses("invalid_dpop_proof");

    [Fact]
    public async Task A_proof_of_9_KiB_is_refused_unread() =>
        (await _server.PostProvedAsync(Form, Calls.AsShop, new string('a', 9 * 1024))).Refuses("invalid_dpop_proof");

    [Fact, Rfc("9449", "4.3")]
    public async Task Two_proofs_are_refused()
    {
        var nonce = await _server.NonceAsync();
        var proofs = Enumerable.Range(0, 2).Select(_ => _key.Proof("POST", DpopCalls.TokenAddress, _server.Clock.GetUtcNow(), nonce)).ToArray();

        (await _server.PostProvedAsync(Form, Calls.AsShop, proofs)).Refuses("invalid_dpop_proof");
    }

    [Fact, Rfc("9449", "11.1")]
    public async Task A_proof_works_once_across_all_nodes()
    {
        await using var other = await _server.StartNodeAsync();
        var proof = _key.Proof("POST", DpopCalls.TokenAddress, _server.Clock.GetUtcNow(), await _server.NonceAsync());

        Assert.Equal(HttpStatusCode.OK, (await _server.PostProvedAsync(Form, Calls.AsShop, proof)).Status);
        (await _server.PostProvedAsync(Form, Calls.AsShop, proof)).Refuses("invalid_dpop_proof");
        (await other.PostProvedAsync(Form, Calls.AsShop, proof)).Refuses("invalid_dpop_proof");
    }

    [Fact, Rfc("9449", "11.1")]
    public async Task Only_one_of_many_parallel_requests_with_one_proof_is_accepted()
    {
        var proof = _key.Proof("POST", DpopCalls.TokenAddress, _server.Clock.GetUtcNow(), await _server.NonceAsync());

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _server.PostProvedAsync(Form, Calls.AsShop, proof)));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer => answer.Refuses("invalid_dpop_proof"));
    }

    [Fact, Rfc("9449", "11.1")]
    public async Task Two_keys_may_use_the_same_jti()
    {
        using var other = new DpopKey();
        var nonce = await _server.NonceAsync();
        foreach (var key in new[] { _key, other })
            Assert.Equal("DPoP", (await _server.PostProvedAsync(Form, Calls.AsShop, key.Proof("POST", DpopCalls.TokenAddress, _server.Clock.GetUtcNow(), nonce, change: (_, claims) => claims["jti"] = "one")))["token_type"]);
    }

    [Fact]
    public async Task A_proof_is_remembered_for_as_long_as_it_could_be_accepted()
    {
        await SendAsync();

        var now = _server.Clock.GetUtcNow();
        Assert.InRange(await _server.ReadAsync<DateTime>("SELECT max(until) FROM used_jwts"), now.UtcDateTime.AddSeconds(60), now.UtcDateTime.AddSeconds(300));
    }

    [Fact]
    public async Task The_metadata_lists_the_algorithms_of_proofs()
    {
        var metadata = await _server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"));

        Assert.Equal("""["ES256","PS256","RS256"]""", metadata.Json.GetProperty("dpop_signing_alg_values_supported").GetRawText());
    }

    [Fact, Rfc("FAPI 2.0", "5.4")]
    public async Task An_algorithm_left_out_of_the_setting_is_neither_accepted_nor_advertised()
    {
        await using var strict = await _server.StartNodeAsync("--Dpop:Algorithms:0=ES256", "--Dpop:Algorithms:1=PS256");
        Assert.Equal("DPoP", (await strict.ProvesAsync(_key, Form, Calls.AsShop))["token_type"]);
        Assert.Equal("DPoP", (await strict.PostProvedAsync(Form, Calls.AsShop, await RsaProofAsync(strict, "PS256", "PS256")))["token_type"]);
        (await strict.PostProvedAsync(Form, Calls.AsShop, await RsaProofAsync(strict, "RS256", "RS256"))).Refuses("invalid_dpop_proof");
        Assert.Equal("""["ES256","PS256"]""", (await strict.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"))).Json.GetProperty("dpop_signing_alg_values_supported").GetRawText());
        var asked = await strict.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("DPoP", "x") } });
        Assert.Contains("algs=\"ES256 PS256\"", asked.Message.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
    }

    [Fact, Rfc("9449", "5.2")]
    public async Task A_client_that_requires_bound_tokens_gets_none_without_a_proof()
    {
        await _server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = "bound", AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("secret")], GrantTypes = ["client_credentials"], Scopes = World.AllScopes,
            Metadata = """{"dpop_bound_access_tokens":true}""",
        }));
        var bound = Calls.Basic("bound", "secret");

        (await _server.PostFormAsync("/connect/token", Form, bound)).Refuses("invalid_request");
        Assert.Equal("DPoP", (await _server.ProvesAsync(_key, Form, bound))["token_type"]);
    }

    [Fact]
    public async Task A_page_may_send_a_proof_and_read_the_nonce()
    {
        var preflight = await _server.SendAsync(new(HttpMethod.Options, "/connect/token")
        {
            Headers = { { "Origin", "http://localhost:3000" }, { "Access-Control-Request-Method", "POST" }, { "Access-Control-Request-Headers", "dpop" } },
        });
        Assert.Contains("dpop", string.Join(',', preflight.Message.Headers.GetValues("Access-Control-Allow-Headers")), StringComparison.OrdinalIgnoreCase);

        var request = new HttpRequestMessage(HttpMethod.Post, "/connect/token") { Content = new FormUrlEncodedContent([]), Headers = { { "Origin", "http://localhost:3000" } } };
        var answer = await _server.SendAsync(request);
        Assert.Contains("DPoP-Nonce", string.Join(',', answer.Message.Headers.GetValues("Access-Control-Expose-Headers")), StringComparison.Ordinal);
    }
}
