using System.Net;
using System.Text.Json.Nodes;
using IdentityServer.Tests.ClientRegistration;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.MutualTls;

/// <summary>Who may be registered for <c>tls_client_auth</c>, and where it is served (RFC 8705 §2.1).</summary>
public sealed class IssuedTlsRulesTests(TlsServer shared) : IClassFixture<TlsServer>
{
    private const string Method = "tls_client_auth";

    private static readonly string[] Documents = ["openid-configuration", "oauth-authorization-server"];

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("8705", "2.1.1")]
    public async Task The_metadata_advertises_it()
    {
        foreach (var document in Documents)
        {
            var metadata = await GetMetadataAsync(_server, document);
            foreach (var endpoint in (string[])["token", "introspection", "revocation"])
                Assert.Contains(Method, metadata.Texts($"{endpoint}_endpoint_auth_methods_supported"));
        }
    }

    [Fact]
    public async Task Without_authorities_it_is_not_advertised_and_nobody_can_register_or_authenticate_with_it()
    {
        await using var node = await _server.StartNodeAsync([.. shared.Listening, "--MutualTls:Enabled=true", "--Registration:Mode=open"]);
        await _server.AppliesAsync(Manifest("left", "\"tls_client_auth_san_dns\":\"a.example\""));
        await Operator.FollowsAsync(node);

        foreach (var document in Documents)
            Assert.DoesNotContain(Method, (await GetMetadataAsync(node, document)).Texts("token_endpoint_auth_methods_supported"));
        var refused = await Assert.ThrowsAsync<StartupException>(() => node.AppliesAsync(Manifest("a", "\"tls_client_auth_san_dns\":\"a.example\"")));
        Assert.Contains("$.clients[0].token_endpoint_auth_method is tls_client_auth, which needs the setting MutualTls:Authorities.", refused.Message, StringComparison.Ordinal);
        Assert.Equal("invalid_client_metadata", (await node.PostJsonAsync(Registrar.Path, Description("\"tls_client_auth_san_dns\":\"a.example\""))).Error);
        (await new TlsClient("left").PostsAsync(node, "/connect/token", [("grant_type", "client_credentials")], by: shared.Root.Issues(names: names => names.AddDnsName("a.example"))))
            .Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("7591", "2"), Rfc("8705", "2.1.2")]
    public async Task A_client_registers_itself_and_can_read_its_name_back()
    {
        var registered = await _server.RegistersAsync(Description("\"tls_client_auth_subject_dn\":\"CN=client\""));

        Assert.Equal(HttpStatusCode.Created, registered.Status);
        Assert.Null(registered["client_secret"]);
        Assert.Equal((Method, "CN=client"), (registered["token_endpoint_auth_method"], registered["tls_client_auth_subject_dn"]));
        Assert.Equal("CN=client", (await _server.LooksAsync(registered))["tls_client_auth_subject_dn"]);
        var client = new TlsClient(registered["client_id"]!);
        Assert.Equal(HttpStatusCode.OK, (await client.PostsAsync(_server, "/connect/revoke", [("token", "x")], by: shared.Root.Issues())).Status);

        var body = JsonNode.Parse(Description("\"tls_client_auth_san_ip\":\"192.0.2.7\""))!;
        body["client_id"] = client.ClientId;
        var replaced = await _server.ReplacesAsync(registered, body.ToJsonString());
        Assert.Equal((HttpStatusCode.OK, null, "192.0.2.7"), (replaced.Status, replaced["tls_client_auth_subject_dn"], replaced["tls_client_auth_san_ip"]));
        (await client.PostsAsync(_server, "/connect/revoke", [("token", "x")], by: shared.Root.Issues())).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact]
    public async Task A_manifest_can_change_the_name()
    {
        await _server.AppliesAsync(Manifest("changed", "\"tls_client_auth_san_dns\":\"a.example\""));

        Assert.Empty((await _server.AppliesAsync(Manifest("changed", "\"tls_client_auth_san_dns\":\"a.example\""))).Lines);
        Assert.Equal(["changed client changed (tls_client_auth_san_dns)"], (await _server.AppliesAsync(Manifest("changed", "\"tls_client_auth_san_dns\":\"b.example\""))).Lines);
        // What is left out stays.
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.AppliesAsync(Manifest("changed", "\"tls_client_auth_subject_dn\":\"CN=client\"")));
        Assert.Contains("$.clients[0].tls_client_auth_san_dns must be left out beside tls_client_auth_subject_dn", refused.Message, StringComparison.Ordinal);
        await _server.AppliesAsync(Manifest("changed", "\"tls_client_auth_subject_dn\":\"CN=client\",\"tls_client_auth_san_dns\":null"));
        Assert.Equal(HttpStatusCode.OK, (await new TlsClient("changed").PostsAsync(_server, "/connect/token", [("grant_type", "client_credentials")], by: shared.Root.Issues())).Status);
    }

    [Theory, Rfc("8705", "2.1.2")]
    [InlineData("subject_dn", "\"client_name\":\"Without\"")]
    [InlineData("san_dns", "\"tls_client_auth_subject_dn\":\"CN=a\",\"tls_client_auth_san_dns\":\"a.example\"")]
    [InlineData("san_email", "\"tls_client_auth_san_ip\":\"192.0.2.7\",\"tls_client_auth_san_email\":\"a@a.example\"")]
    [InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"bank\""), InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=a,\"")]
    [InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=a+\""), InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"XY=a\"")]
    [InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=a;O=b\""), InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=\\\\C3\"")]
    [InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=\\\\x\""), InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=a\\\\\"")]
    [InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=#0c\""), InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=#0c0161ff\"")]
    [InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=#zz\""), InlineData("subject_dn", "\"tls_client_auth_subject_dn\":\"CN=#\""), InlineData("subject_dn", "\"tls_client_auth_subject_dn\":7")]
    [InlineData("san_dns", "\"tls_client_auth_san_dns\":\"192.0.2.7\""), InlineData("san_dns", "\"tls_client_auth_san_dns\":\"*.a.example\""), InlineData("san_dns", "\"tls_client_auth_san_dns\":\"ä.example\"")]
    [InlineData("san_uri", "\"tls_client_auth_san_uri\":\"/a\""), InlineData("san_uri", "\"tls_client_auth_san_uri\":\"a b:c\"")]
    [InlineData("san_ip", "\"tls_client_auth_san_ip\":\"7\""), InlineData("san_ip", "\"tls_client_auth_san_ip\":\"192.0.2.007\""), InlineData("san_ip", "\"tls_client_auth_san_ip\":\"fe80::1%1\"")]
    [InlineData("san_ip", "\"tls_client_auth_san_ip\":\"[::1]\""), InlineData("san_ip", "\"tls_client_auth_san_ip\":\"::1/64\"")]
    [InlineData("san_email", "\"tls_client_auth_san_email\":\"a.example\""), InlineData("san_email", "\"tls_client_auth_san_email\":\"@a.example\""), InlineData("san_email", "\"tls_client_auth_san_email\":\"a@b@c\"")]
    public async Task A_manifest_and_a_registration_require_exactly_one_valid_name(string kind, string members)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.AppliesAsync(Manifest("a", members)));
        Assert.Contains($"$.clients[0].tls_client_auth_{kind} ", refused.Message, StringComparison.Ordinal);

        var answer = await _server.PostJsonAsync(Registrar.Path, Description(members));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_client_metadata"), (answer.Status, answer.Error));
        Assert.StartsWith($"tls_client_auth_{kind} must be ", answer["error_description"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_has_at_most_2000_characters()
    {
        var members = $"\"tls_client_auth_subject_dn\":\"CN={new string('a', 1998)}\"";

        await Assert.ThrowsAsync<StartupException>(() => _server.AppliesAsync(Manifest("a", members)));
        Assert.Equal("invalid_client_metadata", (await _server.PostJsonAsync(Registrar.Path, Description(members))).Error);
    }

    [Theory, InlineData("missing"), InlineData("empty"), InlineData("nonsense"), InlineData("client"), InlineData("no root"), InlineData("off")]
    public async Task An_invalid_file_of_authorities_stops_the_start(string what)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pem");
        if (what != "missing")
        {
            await File.WriteAllTextAsync(file, what switch
            {
                "empty" => "",
                "nonsense" => "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                "client" => $"{shared.Root.Pem}\n{shared.Root.Issues().ExportCertificatePem()}",
                "no root" => shared.Below.Pem,
                _ => shared.Root.Pem,
            });
        }
        try
        {
            var refused = await Assert.ThrowsAsync<StartupException>(() => _server.StartNodeAsync([.. shared.Listening, $"--MutualTls:Enabled={what != "off"}", $"--MutualTls:Authorities={file}"]));
            Assert.StartsWith($"The setting MutualTls:Authorities is \"{file}\"; it must be ", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Manifest(string client, string members) => $$"""{"clients":[{"client_id":"{{client}}","token_endpoint_auth_method":"{{Method}}","grant_types":["client_credentials"],{{members}}}]}""";

    private static string Description(string members) => $$"""{"redirect_uris":["{{Registrar.Callback}}"],"token_endpoint_auth_method":"{{Method}}",{{members}}}""";

    private static Task<Answer> GetMetadataAsync(ServerUnderTest server, string document) => server.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"/.well-known/{document}"));
}
