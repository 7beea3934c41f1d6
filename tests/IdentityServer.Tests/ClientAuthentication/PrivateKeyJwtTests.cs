using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.ClientAuthentication;

/// <summary><c>private_key_jwt</c>: RFC 7523 §2.2 and §3, OpenID Connect Core §9, FAPI 2.0 §5.3.2.</summary>
public sealed class PrivateKeyJwtTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static int _clients;

    private readonly ServerUnderTest _server = shared.Server;

    [Theory, Rfc("7523", "2.2"), Rfc("OIDC Core", "9")]
    [InlineData("ES256"), InlineData("RS256"), InlineData("PS256")]
    public async Task A_client_authenticates_with_a_JWT_that_it_signed(string algorithm)
    {
        var client = await New(algorithm).RegisteredAtAsync(_server);

        var answer = await _server.AuthenticatesAsync(client);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(client.ClientId, Around.Claims(answer.AccessToken).GetProperty("client_id").GetString());
    }

    [Fact, Rfc("7009", "2.1"), Rfc("7662", "2.1")]
    public async Task An_assertion_authenticates_at_the_other_endpoints_too()
    {
        var client = await New().RegisteredAtAsync(_server);
        var token = (await _server.AuthenticatesAsync(client)).AccessToken!;

        Assert.Equal("True", (await CallAsync("/connect/introspect", client, ("token", token)))["active"]);
        Assert.Equal(HttpStatusCode.OK, (await CallAsync("/connect/revoke", client, ("token", token))).Status);
        Assert.Equal("False", (await CallAsync("/connect/introspect", client, ("token", token)))["active"]);
    }

    [Fact]
    public async Task A_manifest_can_describe_such_a_client()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var client = New();
        var manifest = $$"""{"clients":[{"client_id":"{{client.ClientId}}","token_endpoint_auth_method":"private_key_jwt","grant_types":["client_credentials"],"jwks":{{client.Jwks()}}}]}""";

        Assert.Equal([$"created client {client.ClientId}"], (await server.AppliesAsync(manifest)).Lines);
        Assert.Empty((await server.AppliesAsync(manifest)).Lines);

        Assert.Equal(HttpStatusCode.OK, (await server.AuthenticatesAsync(client)).Status);
        // A replaced key takes effect at once, whatever was cached.
        var next = new ClientSigner(client.ClientId);
        Assert.Equal([$"changed client {client.ClientId} (jwks)"], (await server.AppliesAsync(manifest.Replace(client.Jwks(), next.Jwks(), StringComparison.Ordinal))).Lines);
        (await server.AuthenticatesAsync(client)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal(HttpStatusCode.OK, (await server.AuthenticatesAsync(next)).Status);
    }

    [Theory]
    [InlineData(true, true, "k1"), InlineData(true, false, "k1"), InlineData(true, false, null), InlineData(false, false, null), InlineData(false, true, "k1"), InlineData(false, false, "k1")]
    public async Task A_key_may_omit_its_algorithm_and_its_key_id(bool namesAlgorithm, bool namesKey, string? keyId)
    {
        foreach (var algorithm in new[] { "ES256", "RS256" })
        {
            var client = await New(algorithm, keyId).RegisteredAtAsync(_server, New(algorithm, keyId) is var made ? made.Jwks(namesAlgorithm, namesKey) : null);
            (await _server.AuthenticatesAsync(client)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        }
        foreach (var algorithm in new[] { "ES256", "RS256" })
        {
            var client = New(algorithm, keyId);
            await client.RegisteredAtAsync(_server, client.Jwks(namesAlgorithm, namesKey && keyId is not null));
            Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(client)).Status);
        }
    }

    [Fact, Rfc("OIDC Core", "10.1")]
    public async Task With_several_keys_an_assertion_must_name_its_own()
    {
        var (first, name) = (New(), "");
        name = first.ClientId;
        var second = new ClientSigner(name, keyId: "k2");
        await first.RegisteredAtAsync(_server, ClientSigner.JwksOf(first.Jwk(), second.Jwk()));

        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(first)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(second)).Status);
        (await _server.AuthenticatesAsync(second, header: header => header["kid"] = "k1")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.AuthenticatesAsync(second, header: header => header["kid"] = "k3")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.AuthenticatesAsync(second, header: header => header.Remove("kid"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("7591", "2"), Rfc("8725", "3.1")]
    public async Task Only_the_registered_algorithm_is_accepted()
    {
        var pss = await New("PS256").RegisteredAtAsync(_server, algorithm: "PS256");
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(pss)).Status);

        // The key does not say what it is for; the registration does.
        var unnamed = New("PS256");
        await unnamed.RegisteredAtAsync(_server, unnamed.Jwks(namesAlgorithm: false), algorithm: "PS256");
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(unnamed)).Status);
        (await _server.AuthenticatesAsync(unnamed, header: header => header["alg"] = "RS256")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");

        var both = New();
        var other = new ClientSigner(both.ClientId, "RS256", "k2");
        await both.RegisteredAtAsync(_server, ClientSigner.JwksOf(both.Jwk(), other.Jwk()), algorithm: "RS256");
        (await _server.AuthenticatesAsync(both)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(other)).Status);
    }

    [Fact, Rfc("7521", "4.2")]
    public async Task The_client_id_in_the_body_must_match_the_assertion()
    {
        var client = await New().RegisteredAtAsync(_server);

        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(Assertion(client), ("client_id", client.ClientId))).Status);
        (await _server.AuthenticatesAsync(Assertion(client), ("client_id", World.Shop))).Refuses("invalid_request");
    }

    [Fact, Rfc("6749", "2.3")]
    public async Task An_assertion_must_be_the_only_authentication_of_its_request()
    {
        var client = await New().RegisteredAtAsync(_server);

        (await _server.AuthenticatesAsync(Assertion(client), ("client_secret", "x"))).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", Form(Assertion(client)), Calls.Basic(client.ClientId, "x"))).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", Form(Assertion(client)), Calls.AsShop)).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_id", World.Shop), ("client_secret", World.ShopSecret), ("client_assertion_type", ClientSigner.AssertionType)])).Refuses("invalid_request");
    }

    [Fact, Rfc("7521", "4.2")]
    public async Task The_assertion_type_must_be_the_registered_one()
    {
        var client = await New().RegisteredAtAsync(_server);

        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_assertion", Assertion(client))])).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_assertion_type", ClientSigner.AssertionType)])).Refuses("invalid_request");
        foreach (var type in new[] { "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", ClientSigner.AssertionType.ToUpperInvariant(), ClientSigner.AssertionType + " ", "jwt-bearer" })
            (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_assertion_type", type), ("client_assertion", Assertion(client))])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("OIDC Core", "9")]
    public async Task A_client_can_use_only_the_method_it_is_registered_for()
    {
        var client = await New().RegisteredAtAsync(_server);
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_id", client.ClientId)])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.Basic(client.ClientId, "secret"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");

        var byApparent = New();
        await _server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = byApparent.ClientId, AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("x")], GrantTypes = ["client_credentials"], Metadata = $$"""{"jwks":{{byApparent.Jwks()}}}""",
        }));
        (await _server.AuthenticatesAsync(byApparent)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Theory, Rfc("8725", "3.11")]
    [InlineData(null, true), InlineData("JWT", true), InlineData("jwt", true), InlineData("client-authentication+jwt", true), InlineData("application/client-authentication+jwt", true)]
    [InlineData("at+jwt", false), InlineData("dpop+jwt", false), InlineData("oauth-authz-req+jwt", false), InlineData("logout+jwt", false), InlineData("", false)]
    public async Task A_JWT_of_another_type_is_refused(string? type, bool isAccepted)
    {
        var client = await New().RegisteredAtAsync(_server);

        var answer = await _server.AuthenticatesAsync(client, header: header =>
        {
            if (type is not null)
                header["typ"] = type;
        });

        Assert.Equal(isAccepted ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.Status);
    }

    [Theory, Rfc("7523", "3"), Rfc("9126", "2")]
    [InlineData("\"http://localhost:5000\"", true)]
    [InlineData("[\"http://localhost:5000\"]", true)]
    [InlineData("\"http://localhost:5000/connect/token\"", true)]
    [InlineData("[\"http://localhost:5000/connect/token\"]", true)]
    [InlineData("\"http://localhost:5000/\"", false)]
    [InlineData("\"http://localhost:5000/connect/introspect\"", false)]
    [InlineData("\"HTTP://localhost:5000\"", false)]
    [InlineData("\"https://other.example\"", false)]
    [InlineData("[\"http://localhost:5000\",\"https://other.example\"]", false)]
    [InlineData("[\"http://localhost:5000\",\"http://localhost:5000/connect/token\"]", false)]
    [InlineData("[\"http://localhost:5000\",\"http://localhost:5000\"]", false)]
    [InlineData("[]", false)]
    [InlineData("\"\"", false)]
    [InlineData("7", false)]
    [InlineData("null", false)]
    [InlineData(null, false)]
    public async Task The_audience_must_be_this_server_alone(string? audience, bool isAccepted)
    {
        var client = await New().RegisteredAtAsync(_server);

        var answer = await _server.AuthenticatesAsync(client, claims => Set(claims, "aud", audience));

        if (isAccepted)
            Assert.Equal(HttpStatusCode.OK, answer.Status);
        else
            answer.Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Theory, Rfc("7523", "3")]
    [InlineData("HTTP://LocalHost:80/Tenant"), InlineData("https://id.example.com:443/\u00C4 b/")]
    public async Task The_token_endpoint_as_discovery_spells_it_is_a_valid_audience(string issuer)
    {
        await using var server = await ServerUnderTest.StartAsync($"--IdentityServer:Issuer={issuer}");
        var client = await New().RegisteredAtAsync(server);
        var metadata = await server.SendAsync(new(HttpMethod.Get, new Uri(issuer).AbsolutePath.TrimEnd('/') + "/.well-known/openid-configuration"));
        var endpoint = metadata.Json.GetProperty("token_endpoint").GetString()!;

        var answer = await server.PostFormAsync(new Uri(endpoint).AbsolutePath, [
            ("grant_type", "client_credentials"), ("client_assertion_type", ClientSigner.AssertionType),
            ("client_assertion", client.Assertion(server.Clock.GetUtcNow(), claims => claims["aud"] = endpoint))]);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
    }

    [Fact]
    public async Task The_address_of_the_request_is_not_a_valid_audience()
    {
        var client = await New().RegisteredAtAsync(_server);

        (await _server.AuthenticatesAsync(client, claims => claims["aud"] = new Uri(_server.Address, "/connect/token").ToString())).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("FAPI 2.0", "5.3.2.1")]
    public async Task FAPI_accepts_only_the_issuer_as_one_string()
    {
        await using var server = await ServerUnderTest.StartAsync("--ClientAssertions:IssuerAudienceOnly=true");
        var client = await New().RegisteredAtAsync(server);

        Assert.Equal(HttpStatusCode.OK, (await server.AuthenticatesAsync(client)).Status);
        foreach (var audience in new[] { "[\"http://localhost:5000\"]", "\"http://localhost:5000/connect/token\"" })
            (await server.AuthenticatesAsync(client, claims => Set(claims, "aud", audience))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Theory, Rfc("7523", "3")]
    [InlineData("iss", null), InlineData("iss", "\"shop\""), InlineData("iss", "\"\""), InlineData("iss", "7"), InlineData("sub", null), InlineData("sub", "7"), InlineData("sub", "\"nobody\"")]
    [InlineData("jti", null), InlineData("jti", "\"\""), InlineData("jti", "7"), InlineData("exp", null), InlineData("exp", "\"4102444800\""), InlineData("exp", "-1"), InlineData("exp", "1e300"), InlineData("exp", "null")]
    [InlineData("iat", "\"1\""), InlineData("nbf", "\"1\"")]
    public async Task A_claim_that_is_missing_or_wrong_is_refused(string claim, string? json)
    {
        var client = await New().RegisteredAtAsync(_server);

        (await _server.AuthenticatesAsync(client, claims => Set(claims, claim, json))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("7523", "3")]
    public async Task One_client_cannot_sign_for_another()
    {
        var (client, victim) = (await New().RegisteredAtAsync(_server), await New().RegisteredAtAsync(_server));

        (await _server.AuthenticatesAsync(client, claims => (claims["iss"], claims["sub"]) = (victim.ClientId, victim.ClientId))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.AuthenticatesAsync(client, claims => claims["sub"] = victim.ClientId)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.AuthenticatesAsync(client, claims => claims["iss"] = victim.ClientId)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Theory, Rfc("7523", "3"), Rfc("FAPI 2.0", "5.3.2.1")]
    [InlineData("exp", 590, true), InlineData("exp", 700, false), InlineData("exp", 86_400, false), InlineData("exp", -30, true), InlineData("exp", -65, false)]
    [InlineData("nbf", 10, true), InlineData("nbf", 65, false), InlineData("iat", 10, true), InlineData("iat", 65, false), InlineData("iat", -500, true), InlineData("iat", -3600, false)]
    public async Task An_assertion_must_be_valid_now_and_for_minutes_at_most(string claim, int seconds, bool isAccepted)
    {
        var client = await New().RegisteredAtAsync(_server);
        var now = _server.Clock.GetUtcNow().ToUnixTimeSeconds();

        var answer = await _server.AuthenticatesAsync(client, claims =>
        {
            if (claim == "exp")
                claims.Remove("iat");
            claims[claim] = now + seconds;
        });

        Assert.Equal(isAccepted ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.Status);
    }

    [Fact, Rfc("7523", "3")]
    public async Task An_assertion_without_iat_is_accepted()
    {
        var client = await New().RegisteredAtAsync(_server);

        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(client, claims => claims.Remove("iat"))).Status);
    }

    [Fact, Rfc("8725", "3.1"), Rfc("8725", "3.10")]
    public async Task A_forged_assertion_is_answered_like_an_unknown_client()
    {
        var client = await New("RS256").RegisteredAtAsync(_server);
        var stranger = new ClientSigner(client.ClientId, "RS256");
        var now = _server.Clock.GetUtcNow();
        var unknown = (await _server.AuthenticatesAsync(New())).Visible();
        var claims = ClientSigner.Encode(client.Claims(now));
        var hmac = $"{ClientSigner.Encode(new JsonObject { ["alg"] = "HS256", ["kid"] = "k1" })}.{claims}";
        string[] forgeries =
        [
            stranger.Assertion(now),
            stranger.Assertion(now, header: header => header["jwk"] = stranger.Jwk()),
            stranger.Assertion(now, header: header => header["jku"] = "https://attacker.example/keys"),
            client.Assertion(now, header: header => header["crit"] = new JsonArray("exp")),
            client.Assertion(now, header: header => header["alg"] = "PS256"),
            client.Assertion(now, header: header => header["alg"] = "none"),
            client.Assertion(now)[..^4] + "AAAA",
            $"{ClientSigner.Encode(new JsonObject { ["alg"] = "none" })}.{claims}.",
            $"{hmac}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(client.Jwks()), Encoding.ASCII.GetBytes(hmac)))}",
            "x", "a.b.c", "..", new string('a', 20_000), client.Assertion(now, body => body["pad"] = new string('x', 20_000)),
        ];

        foreach (var forgery in forgeries)
            Assert.Equal(unknown, (await _server.AuthenticatesAsync(forgery)).Visible());
        await _server.ExecuteAsync("UPDATE clients SET disabled = true WHERE client_id = $1", client.ClientId);
        await _server.ConfiguresAsync(_ => { });
        Assert.Equal(unknown, (await _server.AuthenticatesAsync(client)).Visible());
    }

    [Fact, Rfc("7523", "3"), Rfc("OIDC Core", "9")]
    public async Task An_assertion_works_once_across_nodes_and_restarts()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var client = await New().RegisteredAtAsync(server);
        var assertion = client.Assertion(server.Clock.GetUtcNow(), claims => claims["exp"] = server.Clock.GetUtcNow().ToUnixTimeSeconds() + 590);

        Assert.Equal(HttpStatusCode.OK, (await server.AuthenticatesAsync(assertion)).Status);
        (await server.AuthenticatesAsync(assertion)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        await using (var node = await server.StartNodeAsync())
            (await node.AuthenticatesAsync(assertion)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        await server.StopAsync();
        await using var restarted = await server.StartNodeAsync();
        (await restarted.AuthenticatesAsync(assertion)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        // Another endpoint refuses it too; another client may use the same jti.
        (await restarted.PostFormAsync("/connect/introspect", [("token", "x"), .. Form(assertion)])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        var other = await New().RegisteredAtAsync(restarted);
        var jti = (string)JsonNode.Parse(Around.Claims(assertion).GetRawText())!["jti"]!;
        Assert.Equal(HttpStatusCode.OK, (await restarted.AuthenticatesAsync(other, claims => claims["jti"] = jti)).Status);
    }

    [Fact, Rfc("7523", "3")]
    public async Task Only_one_of_fifty_parallel_uses_succeeds()
    {
        await using var node = await _server.StartNodeAsync();
        var client = await New().RegisteredAtAsync(_server);
        await Around.FollowsAsync(node);
        var assertion = Assertion(client);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => (i % 2 == 0 ? _server : node).AuthenticatesAsync(assertion)));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal(49, answers.Count(answer => answer.Status == HttpStatusCode.Unauthorized));
    }

    [Theory, Rfc("9449", "8"), Rfc("9126", "2")]
    [InlineData("/connect/token"), InlineData("/connect/par")]
    public async Task An_assertion_can_be_repeated_once_after_a_nonce_challenge(string path)
    {
        using var key = new DpopKey();
        await using var node = await _server.StartNodeAsync();
        var client = await New().RegisteredAtAsync(_server);
        await _server.ConfiguresAsync(db =>
        {
            var row = db.Clients.Single(row => row.ClientId == client.ClientId);
            (row.GrantTypes, row.RedirectUris) = ([.. row.GrantTypes, "authorization_code"], [World.WebCallback]);
        });
        await Around.FollowsAsync(node);
        (string, string)[] form =
        [
            .. Form(Assertion(client)), ("response_type", "code"), ("redirect_uri", World.WebCallback), ("code_challenge", CodeFlow.Challenge), ("code_challenge_method", "S256"),
        ];

        var first = await SendAsync(_server, null);
        first.Refuses("use_dpop_nonce");

        var nonce = first.DpopNonce();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => SendAsync(i % 2 == 0 ? _server : node, nonce)));
        Assert.Single(answers, answer => answer.Status is HttpStatusCode.OK or HttpStatusCode.Created);
        Assert.All(answers.Where(answer => answer.Status is not (HttpStatusCode.OK or HttpStatusCode.Created)), answer => answer.Refuses(HttpStatusCode.Unauthorized, "invalid_client"));
        (await SendAsync(node, nonce)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        // Leaving out the proof does not make it unused.
        (await node.PostFormAsync(path, form)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");

        Task<Answer> SendAsync(ServerUnderTest to, string? nonce)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2))) };
            request.Headers.TryAddWithoutValidation("DPoP", key.Proof("POST", ClientSigner.Issuer + path, to.Clock.GetUtcNow(), nonce));
            return to.SendAsync(request);
        }
    }

    [Fact, Rfc("FAPI 2.0", "5.4")]
    public async Task An_algorithm_left_out_of_the_setting_is_neither_accepted_nor_advertised()
    {
        await using var server = await ServerUnderTest.StartAsync("--ClientAssertions:Algorithms=PS256 ES256", "--Registration:Mode=open");
        foreach (var (algorithm, namesAlgorithm, isTaken) in new[] { ("ES256", true, true), ("PS256", true, true), ("RS256", true, false), ("RS256", false, false), ("PS256", false, true) })
        {
            var client = New(algorithm);
            await client.RegisteredAtAsync(server, client.Jwks(namesAlgorithm));
            Assert.Equal(isTaken ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, (await server.AuthenticatesAsync(client)).Status);
        }
        var described = new JsonObject { ["redirect_uris"] = new JsonArray("https://app.example/"), ["token_endpoint_auth_method"] = "private_key_jwt", ["jwks"] = JsonNode.Parse(New("RS256").Jwks()) };
        (await server.PostJsonAsync("/connect/register", described.ToJsonString())).Refuses("invalid_client_metadata");

        var metadata = (await server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration"))).Json;
        foreach (var endpoint in new[] { "token", "revocation", "introspection" })
            Assert.Equal("""["ES256","PS256"]""", metadata.GetProperty($"{endpoint}_endpoint_auth_signing_alg_values_supported").GetRawText());
    }

    [Fact]
    public async Task An_assertion_refused_for_its_claims_is_not_used_up()
    {
        var client = await New().RegisteredAtAsync(_server);

        (await _server.AuthenticatesAsync(client, claims => (claims["jti"], claims["aud"]) = ("once", "https://other.example"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal(HttpStatusCode.OK, (await _server.AuthenticatesAsync(client, claims => claims["jti"] = "once")).Status);
        (await _server.AuthenticatesAsync(client, claims => claims["jti"] = "once")).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact]
    public async Task An_assertion_is_remembered_for_as_long_as_it_could_be_accepted()
    {
        var client = await New().RegisteredAtAsync(_server);
        var before = await _server.ReadAsync<long>("SELECT count(*) FROM used_jwts");
        await _server.AuthenticatesAsync(client, claims => claims["exp"] = _server.Clock.GetUtcNow().ToUnixTimeSeconds() + 500);

        Assert.Equal(before + 1, await _server.ReadAsync<long>("SELECT count(*) FROM used_jwts"));
        // Allows for the clock skew of this node and of the one that prunes.
        Assert.True(await _server.ReadAsync<bool>("SELECT bool_or(until BETWEEN $1 AND $2) FROM used_jwts", _server.Clock.GetUtcNow().AddSeconds(560), _server.Clock.GetUtcNow().AddSeconds(700)));
    }

    [Fact, Rfc("6749", "2.3.1")]
    public async Task An_assertion_in_the_query_is_refused()
    {
        var client = await New().RegisteredAtAsync(_server);

        (await _server.PostFormAsync($"/connect/token?client_assertion={Assertion(client)}", [("grant_type", "client_credentials"), ("client_assertion_type", ClientSigner.AssertionType)])).Refuses("invalid_request");
    }

    [Fact, Rfc("6819", "5.1.6")]
    public async Task An_assertion_is_never_logged()
    {
        var client = await New().RegisteredAtAsync(_server);
        var (good, bad) = (Assertion(client), new ClientSigner(client.ClientId).Assertion(_server.Clock.GetUtcNow()));
        await _server.AuthenticatesAsync(good);
        await _server.AuthenticatesAsync(good);
        await _server.AuthenticatesAsync(bad);

        var parts = good.Split('.').Concat(bad.Split('.')).Where(part => part.Length > 60).ToList();
        Assert.NotEmpty(parts);
        Assert.DoesNotContain(_server.Log.Lines, line => parts.Any(part => line.Contains(part, StringComparison.Ordinal)));
    }

    private static ClientSigner New(string algorithm = "ES256", string? keyId = "k1") => new($"signer{Interlocked.Increment(ref _clients)}", algorithm, keyId);

    private string Assertion(ClientSigner client) => client.Assertion(_server.Clock.GetUtcNow());

    private Task<Answer> CallAsync(string path, ClientSigner client, params (string, string)[] more) =>
        _server.PostFormAsync(path, [("client_assertion_type", ClientSigner.AssertionType), ("client_assertion", client.Assertion(_server.Clock.GetUtcNow(), claims => claims["aud"] = ClientSigner.Issuer + path)), .. more]);

    private static (string, string)[] Form(string assertion) => [("grant_type", "client_credentials"), ("client_assertion_type", ClientSigner.AssertionType), ("client_assertion", assertion)];

    private static void Set(JsonObject claims, string name, string? json)
    {
        claims.Remove(name);
        if (json is not null)
            claims[name] = JsonNode.Parse(json);
    }
}
