using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using IdentityServer.Tests.ClientRegistration;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Testing;
using Xunit;

namespace IdentityServer.Tests.MutualTls;

/// <summary><c>self_signed_tls_client_auth</c> (RFC 8705 §2.2), over real TLS.</summary>
public sealed class SelfSignedTlsTests(TlsServer shared) : IClassFixture<TlsServer>
{
    private static int _clients;

    private readonly ServerUnderTest _server = shared.Server;

    [Theory, Rfc("8705", "2.2"), InlineData(false), InlineData(true)]
    public async Task A_client_authenticates_with_its_registered_certificate(bool isRsa)
    {
        var client = await New(isRsa ? RSA.Create(2048) : null).RegisteredAtAsync(_server);

        var answer = await ActsAsync(client);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var claims = Around.Claims(answer.AccessToken);
        Assert.Equal(client.ClientId, claims.GetProperty("client_id").GetString());
        // RFC 8705 §3: authenticating with a certificate and binding tokens to it are separate.
        Assert.False(claims.TryGetProperty("cnf", out _));
    }

    [Fact, Rfc("8705", "2")]
    public async Task The_certificate_is_accepted_wherever_clients_authenticate()
    {
        var client = await New().RegisteredAtAsync(_server);
        var token = (await ActsAsync(client)).AccessToken!;

        Assert.Equal("True", (await client.PostsAsync(_server, "/connect/introspect", [("token", token)]))["active"]);
        Assert.Equal(HttpStatusCode.Created, (await client.PostsAsync(_server, "/connect/par", [("response_type", "code"), ("redirect_uri", World.WebCallback), ("scope", "openid"), ("code_challenge", CodeFlow.Challenge), ("code_challenge_method", "S256")])).Status);
        Assert.Equal(HttpStatusCode.OK, (await client.PostsAsync(_server, "/connect/revoke", [("token", token)])).Status);
        Assert.Equal("False", (await client.PostsAsync(_server, "/connect/introspect", [("token", token)]))["active"]);
    }

    [Fact, Rfc("8705", "2.2.2")]
    public async Task Any_of_a_clients_certificates_works_so_that_one_can_replace_another()
    {
        var (first, second) = (New(), New());
        await first.RegisteredAtAsync(_server, jwks: first.Jwks(second));

        Assert.Equal(HttpStatusCode.OK, (await ActsAsync(first)).Status);
        Assert.Equal(HttpStatusCode.OK, (await first.PostsAsync(_server, "/connect/token", ClientCredentials, by: second.Certificate)).Status);
    }

    [Fact, Rfc("8705", "2.2")]
    public async Task Another_certificate_is_refused_even_with_the_same_name_and_key()
    {
        var client = await New().RegisteredAtAsync(_server);
        var (stranger, renewed) = (new TlsClient(client.ClientId), new TlsClient(client.ClientId, client.Key, toDay: 2));

        Refuses(await client.PostsAsync(_server, "/connect/token", ClientCredentials, by: stranger.Certificate));
        Refuses(await client.PostsAsync(_server, "/connect/token", ClientCredentials, by: renewed.Certificate));
        var other = await New().RegisteredAtAsync(_server);
        Refuses(await client.PostsAsync(_server, "/connect/token", ClientCredentials, by: other.Certificate));
    }

    [Theory, Rfc("8705", "2.2"), InlineData(-2, -1), InlineData(1, 2)]
    public async Task A_certificate_outside_its_validity_period_is_refused(int fromDay, int toDay)
    {
        var client = await new TlsClient(Name(), null, fromDay, toDay).RegisteredAtAsync(_server);

        Refuses(await ActsAsync(client));
    }

    [Fact, Rfc("8705", "2.2")]
    public async Task A_client_without_its_certificate_is_refused_whatever_it_sends_instead()
    {
        var client = await New().RegisteredAtAsync(_server);

        Refuses(await _server.PostFormAsync("/connect/token", [("client_id", client.ClientId), .. ClientCredentials]));
        Refuses(await _server.PostFormAsync("/connect/token", [("client_id", client.ClientId), ("client_secret", "x"), .. ClientCredentials]));
        Refuses(await _server.PostFormAsync("/connect/token", ClientCredentials, Calls.Basic(client.ClientId, "")));
    }

    [Fact, Rfc("8705", "2")]
    public async Task The_certificate_needs_the_client_id_and_allows_no_secret()
    {
        var client = await New().RegisteredAtAsync(_server);

        Refuses(await client.PostsAsync(_server, "/connect/token", [("client_secret", "x"), .. ClientCredentials]));
        using var http = _server.Connect(client.Certificate);
        Refuses(await TlsClient.PostAsync(http, "/connect/token", ClientCredentials));
    }

    [Theory, Rfc("8705", "2.2"), InlineData("client_secret_basic"), InlineData("client_secret_post"), InlineData("private_key_jwt")]
    public async Task A_client_of_another_method_cannot_authenticate_with_a_certificate(string method)
    {
        var client = await New().RegisteredAtAsync(_server, method);

        Refuses(await ActsAsync(client));
    }

    [Fact]
    public async Task A_client_that_authenticates_otherwise_may_send_any_certificate()
    {
        var stranger = New();

        Assert.Equal(HttpStatusCode.OK, (await stranger.PostsAsync(_server, "/connect/token", ClientCredentials, Calls.AsShop)).Status);
        using var http = _server.Connect(stranger.Certificate);
        Assert.Equal(HttpStatusCode.OK, (await TlsClient.PostAsync(http, "/connect/token", [("client_id", World.Rival), ("client_secret", World.RivalSecret), .. ClientCredentials])).Status);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task When_switched_off_no_certificate_counts_and_nothing_is_advertised(bool connectionsHaveOne)
    {
        var client = await New().RegisteredAtAsync(_server);
        var bound = await New().RegisteredAtAsync(_server, "client_secret_basic", hasBoundTokens: true);
        await using var node = await ServerUnderTest.StartOnAsync(
            _server.ConnectionString,
            builder => builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https =>
            {
                https.ClientCertificateMode = connectionsHaveOne ? ClientCertificateMode.AllowCertificate : ClientCertificateMode.NoCertificate;
                https.AllowAnyClientCertificate();
            })),
            shared.Listening);

        Refuses(await client.PostsAsync(node, "/connect/token", ClientCredentials));
        // Its tokens would be bound to nothing.
        (await bound.PostsAsync(node, "/connect/token", ClientCredentials, Calls.Basic(bound.ClientId, bound.ClientId))).Refuses("invalid_request");
        var metadata = await node.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/.well-known/oauth-authorization-server"));
        Assert.DoesNotContain("tls_client_auth", metadata.Body, StringComparison.Ordinal);
        Assert.NotEqual("True", metadata["tls_client_certificate_bound_access_tokens"]);
    }

    [Fact, Rfc("8705", "2.2.1"), Rfc("8705", "3.3")]
    public async Task The_metadata_advertises_the_method_and_bound_tokens()
    {
        foreach (var document in (string[])["openid-configuration", "oauth-authorization-server"])
        {
            var metadata = await _server.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"/.well-known/{document}"));
            foreach (var endpoint in (string[])["token", "introspection", "revocation"])
                Assert.Contains("self_signed_tls_client_auth", metadata.Texts($"{endpoint}_endpoint_auth_methods_supported"));
            Assert.Equal("True", metadata["tls_client_certificate_bound_access_tokens"]);
        }
    }

    [Fact]
    public async Task A_manifest_can_describe_such_a_client()
    {
        var client = New();
        var manifest = $$"""{"clients":[{"client_id":"{{client.ClientId}}","token_endpoint_auth_method":"self_signed_tls_client_auth","grant_types":["client_credentials"],"tls_client_certificate_bound_access_tokens":true,"jwks":{{client.Jwks()}}}]}""";

        Assert.Equal([$"created client {client.ClientId}"], (await _server.AppliesAsync(manifest)).Lines);
        Assert.Empty((await _server.AppliesAsync(manifest)).Lines);

        Assert.Equal(client.Thumbprint, Around.Claims((await ActsAsync(client)).AccessToken).GetProperty("cnf").GetProperty("x5t#S256").GetString());
        var next = new TlsClient(client.ClientId);
        Assert.Equal([$"changed client {client.ClientId} (jwks)"], (await _server.AppliesAsync(manifest.Replace(client.Jwks(), next.Jwks(), StringComparison.Ordinal))).Lines);
        Refuses(await ActsAsync(client));
        Assert.Equal(HttpStatusCode.OK, (await ActsAsync(next)).Status);
    }

    [Theory, Rfc("8705", "2.2.2")]
    [InlineData("\"jwks_uri\":\"https://a.example/keys\""), InlineData("\"jwks\":{\"keys\":[]}"), InlineData("\"client_name\":\"Without\"")]
    [InlineData("\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":[]}]}"), InlineData("\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":\"MIIB\"}]}"), InlineData("\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":[7]}]}")]
    [InlineData("\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":[\"MIIB\"]}]}"), InlineData("\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":[\"no base64\"]}]}"), InlineData("\"jwks\":{\"keys\":[7]}")]
    public async Task A_manifest_and_a_registration_require_a_certificate(string members)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.AppliesAsync($$"""{"clients":[{"client_id":"a","token_endpoint_auth_method":"self_signed_tls_client_auth","grant_types":["client_credentials"],{{members}}}]}"""));
        Assert.Contains("$.clients[0].jwks must hold a key with its certificate in x5c", refused.Message, StringComparison.Ordinal);

        (await _server.PostJsonAsync(Registrar.Path, $$"""{"redirect_uris":["{{Registrar.Callback}}"],"token_endpoint_auth_method":"self_signed_tls_client_auth",{{members}}}""")).Refuses("invalid_client_metadata");
    }

    [Fact, Rfc("7591", "2"), Rfc("8705", "3.4")]
    public async Task A_client_registers_itself_with_its_certificate()
    {
        var client = New();
        var description = new JsonObject
        {
            ["redirect_uris"] = new JsonArray(Registrar.Callback), ["token_endpoint_auth_method"] = "self_signed_tls_client_auth", ["jwks"] = JsonNode.Parse(client.Jwks()),
            ["tls_client_certificate_bound_access_tokens"] = true,
        };

        var registered = await _server.RegistersAsync(description.ToJsonString());

        Assert.Equal(HttpStatusCode.Created, registered.Status);
        Assert.Null(registered["client_secret"]);
        Assert.Equal(("self_signed_tls_client_auth", "True"), (registered["token_endpoint_auth_method"], registered["tls_client_certificate_bound_access_tokens"]));
        Assert.Equal(HttpStatusCode.OK, (await new TlsClient(registered["client_id"]!).PostsAsync(_server, "/connect/revoke", [("token", "x")], by: client.Certificate)).Status);
        Refuses(await new TlsClient(registered["client_id"]!).PostsAsync(_server, "/connect/revoke", [("token", "x")]));
    }

    [Fact, Rfc("8705", "4")]
    public async Task A_public_client_gets_no_bound_tokens_because_its_refresh_tokens_would_be_unbound()
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.AppliesAsync("""{"clients":[{"client_id":"a","token_endpoint_auth_method":"none","redirect_uris":["https://a.example/"],"tls_client_certificate_bound_access_tokens":true}]}"""));
        Assert.Contains("$.clients[0].tls_client_certificate_bound_access_tokens", refused.Message, StringComparison.Ordinal);
        RefusesRegistration(await _server.PostJsonAsync(Registrar.Path, $$"""{"redirect_uris":["{{Registrar.Callback}}"],"token_endpoint_auth_method":"none","tls_client_certificate_bound_access_tokens":true}"""));
    }

    [Theory]
    [InlineData("\"token_endpoint_auth_method\":\"self_signed_tls_client_auth\"", "token_endpoint_auth_method is self_signed_tls_client_auth, which needs the setting MutualTls:Enabled.")]
    [InlineData("\"client_secret\":\"a-secret\",\"tls_client_certificate_bound_access_tokens\":true", "tls_client_certificate_bound_access_tokens is true, which needs the setting MutualTls:Enabled.")]
    public async Task When_switched_off_nobody_can_register_for_the_method_or_bound_tokens(string members, string mistake)
    {
        await using var node = await _server.StartNodeAsync([.. shared.Listening, "--Registration:Mode=open"]);
        members += $",\"jwks\":{New().Jwks()}";

        var refused = await Assert.ThrowsAsync<StartupException>(() => node.AppliesAsync($$"""{"clients":[{"client_id":"a","grant_types":["client_credentials"],{{members}}}]}"""));
        Assert.Contains($"$.clients[0].{mistake}", refused.Message, StringComparison.Ordinal);
        RefusesRegistration(await node.PostJsonAsync(Registrar.Path, $$"""{"redirect_uris":["{{Registrar.Callback}}"],{{members.Replace("\"client_secret\":\"a-secret\",", "", StringComparison.Ordinal)}}}"""));
    }

    private static readonly (string, string)[] ClientCredentials = [("grant_type", "client_credentials")];

    /// <summary>Its description names the member.</summary>
    private static void RefusesRegistration(Answer answer) => Assert.Equal((HttpStatusCode.BadRequest, "invalid_client_metadata"), (answer.Status, answer.Error));

    private static void Refuses(Answer answer) => answer.Refuses(HttpStatusCode.Unauthorized, "invalid_client");

    private Task<Answer> ActsAsync(TlsClient client) => client.PostsAsync(_server, "/connect/token", ClientCredentials);

    private static string Name() => $"tls{Interlocked.Increment(ref _clients)}";

    private static TlsClient New(AsymmetricAlgorithm? key = null) => new(Name(), key);
}
