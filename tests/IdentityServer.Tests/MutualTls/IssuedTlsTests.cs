using System.Formats.Asn1;
using System.Net;
using System.Net.Sockets;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.MutualTls;

/// <summary><c>tls_client_auth</c> (RFC 8705 §2.1), over real TLS.</summary>
public sealed class IssuedTlsTests(TlsServer shared) : IClassFixture<TlsServer>
{
    private const string Bank = "CN=bank, O=Bank AG, C=CH";

    private static readonly (string, string)[] ClientCredentials = [("grant_type", "client_credentials")];

    private static int _clients;

    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string, string, string> Names => new()
    {
        { "subject_dn", "CN=client,O=Bank AG,C=CH", "CN=client,O=Bank AG,C=DE" },
        { "san_dns", "client.bank.example", "other.bank.example" },
        { "san_dns", "CLIENT.bank.example", "bank.example" },
        { "san_uri", "spiffe://bank.example/client", "spiffe://bank.example/Client" },
        { "san_uri", "urn:example:client", "urn:example:clien" },
        { "san_ip", "192.0.2.7", "192.0.2.8" },
        { "san_ip", "2001:db8::7", "2001:db8::8" },
        { "san_ip", "2001:DB8:0:0:0:0:0:7", "::ffff:192.0.2.7" },
        { "san_email", "Client@bank.example", "client@bank.example" },
        { "san_email", "Client@BANK.example", "Client@bank.example.org" },
    };

    [Theory, Rfc("8705", "2.1.2"), MemberData(nameof(Names))]
    public async Task A_client_authenticates_with_a_certificate_issued_to_its_registered_name(string kind, string name, string other)
    {
        var certificate = shared.Root.Issues("CN=client, O=Bank AG, C=CH", names: names =>
        {
            names.AddDnsName("first.bank.example");
            names.AddDnsName("client.bank.example");
            names.AddUri(new Uri("spiffe://bank.example/client"));
            names.AddUri(new Uri("urn:example:client"));
            names.AddIpAddress(IPAddress.Parse("192.0.2.7"));
            names.AddIpAddress(IPAddress.Parse("2001:db8::7"));
            names.AddEmailAddress("Client@bank.example");
        });
        var client = await RegistersAsync(kind, name);
        var another = await RegistersAsync(kind, other);

        var answer = await ActsAsync(client, certificate);

        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        Assert.Equal(client.ClientId, Around.Claims(answer.AccessToken).GetProperty("client_id").GetString());
        Refuses(await ActsAsync(another, certificate));
        // A name in the subject is not an alternative name, nor the other way round.
        Refuses(await ActsAsync(client, shared.Root.Issues(kind == "subject_dn" ? "CN=x" : $"CN={name}", names: names => names.AddDnsName("CN=client"))));
    }

    [Theory, Rfc("4514", "3"), Rfc("5280", "7.1")]
    [InlineData(@"CN=Söhne\, Müller,OU=a+UID=7,O=Bank AG,DC=example,DC=ch", true)]
    [InlineData(@"cn=S\C3\B6hne\2C  MÜLLER , uid=7 + ou=A, o = bank ag , dc=EXAMPLE, dc=ch", true)]
    [InlineData(@"2.5.4.3=#0c0f53c3b6686e652c204dc3bc6c6c6572,OU=a+0.9.2342.19200300.100.1.1=7,O=Bank AG,DC=example,DC=ch", true)]
    [InlineData(@"DC=ch,DC=example,O=Bank AG,OU=a+UID=7,CN=Söhne\, Müller", false)]
    [InlineData(@"CN=Söhne\, Müller,OU=a,UID=7,O=Bank AG,DC=example,DC=ch", false)]
    [InlineData(@"CN=Söhne\, Müller,OU=a,O=Bank AG,DC=example,DC=ch", false)]
    [InlineData(@"OU=a+UID=7,O=Bank AG,DC=example,DC=ch", false)]
    [InlineData(@"CN=Sohne\, Müller,OU=a+UID=7,O=Bank AG,DC=example,DC=ch", false)]
    public async Task Distinguished_names_are_compared_by_meaning_and_not_by_spelling(string text, bool isSame)
    {
        const UniversalTagNumber utf8 = UniversalTagNumber.UTF8String, printable = UniversalTagNumber.PrintableString, ia5 = UniversalTagNumber.IA5String;
        const string dc = "0.9.2342.19200300.100.1.25";
        var subject = TestAuthority.Name(
            [(dc, ia5, "ch")], [(dc, ia5, "example")], [("2.5.4.10", printable, "Bank AG")],
            [("2.5.4.11", utf8, "a"), ("0.9.2342.19200300.100.1.1", printable, "7")], [("2.5.4.3", UniversalTagNumber.BMPString, "Söhne, Müller")]);
        var client = await RegistersAsync("subject_dn", text);

        var answer = await ActsAsync(client, shared.Root.Issues(subject));

        Assert.Equal(isSame ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.Status);
    }

    [Fact, Rfc("8705", "2.1")]
    public async Task A_wrong_untrusted_expired_or_server_certificate_gets_the_same_refusal()
    {
        var client = await RegistersAsync("subject_dn", "CN=bank,O=Bank AG,C=CH");
        Assert.Equal(HttpStatusCode.OK, (await ActsAsync(client, shared.Root.Issues(Bank))).Status);
        // RFC 5280 §4.2.1.12: without the extension it is for every use.
        Assert.Equal(HttpStatusCode.OK, (await ActsAsync(client, shared.Root.Issues(Bank, usage: null))).Status);
        var unknown = await new TlsClient("nobody").PostsAsync(_server, "/connect/token", ClientCredentials);

        X509Certificate2?[] wrong =
        [
            shared.Root.Issues("CN=other, O=Bank AG, C=CH"), shared.Root.Issues(Bank, -3, -1), shared.Root.Issues(Bank, 1, 3), shared.Root.Issues(Bank, usage: "1.3.6.1.5.5.7.3.1"),
            // An authority with the trusted one's name, one below it that nobody sends, and none.
            new TestAuthority("CN=Root").Issues(Bank), new TestAuthority(Bank).Certificate, new TestAuthority("CN=Unsent", shared.Root).Issues(Bank),
            new TlsClient("bank").Certificate, shared.Root.Certificate,
        ];
        foreach (var certificate in wrong)
        {
            var answer = await ActsAsync(client, certificate);
            Refuses(answer);
            Assert.Equal(unknown.Body, answer.Body);
        }
        Refuses(await _server.PostFormAsync("/connect/token", [("client_id", client.ClientId), .. ClientCredentials]));
        var root = await RegistersAsync("subject_dn", "CN=Root");
        Refuses(await ActsAsync(root, shared.Root.Certificate));
    }

    [Fact, Rfc("8705", "2.1")]
    public async Task A_chain_must_end_at_a_root_from_the_file_and_not_at_one_with_the_same_name()
    {
        var other = new TestAuthority("CN=Root");
        var client = await RegistersAsync("subject_dn", "CN=bank,O=Bank AG,C=CH");

        using var http = Connect(new TestAuthority("CN=Below", other).Issues(Bank), other.Certificate);
        Refuses(await PostAsync(http, client));
    }

    [Fact, Rfc("8705", "2.1")]
    public async Task Intermediate_authorities_come_from_the_file_or_the_connection()
    {
        var client = await RegistersAsync("subject_dn", "CN=bank,O=Bank AG,C=CH");
        var sent = new TestAuthority("CN=Sent", shared.Root);

        Assert.Equal(HttpStatusCode.OK, (await ActsAsync(client, shared.Below.Issues(Bank))).Status);
        for (var i = 0; i < 3; i++)
        {
            using var http = Connect(sent.Issues(Bank), sent.Certificate);
            Assert.Equal(HttpStatusCode.OK, (await PostAsync(http, client)).Status);
            Assert.Equal(HttpStatusCode.OK, (await PostAsync(http, client)).Status);
        }
        Refuses(await ActsAsync(client, sent.Issues(Bank)));
    }

    [Fact]
    public async Task A_certificate_expires_even_while_its_connection_is_open()
    {
        var client = await RegistersAsync("subject_dn", "CN=bank,O=Bank AG,C=CH");
        await using var node = await _server.StartNodeAsync(new TestClock(), [.. shared.Listening, .. shared.Trusting]);
        using var http = node.Connect(shared.Root.Issues(Bank));

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(http, client)).Status);
        node.Clock.Advance(TimeSpan.FromDays(2));
        Refuses(await PostAsync(http, client));
    }

    [Fact]
    public async Task A_certificate_cannot_make_the_server_fetch_anything()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = await RegistersAsync("subject_dn", "CN=bank,O=Bank AG,C=CH");

        // .NET's client would fetch it if it were not told to stay offline.
        using var http = Connect(new TestAuthority("CN=Unsent", shared.Root).Issues(Bank, issuerAt: $"http://{listener.LocalEndpoint}/issuer.crt"), shared.Root.Certificate);
        Refuses(await PostAsync(http, client));

        Assert.False(listener.Pending());
    }

    [Fact, Rfc("6749", "2.3")]
    public async Task The_certificate_may_not_be_combined_with_a_secret_or_an_assertion()
    {
        var client = await RegistersAsync("subject_dn", "CN=bank,O=Bank AG,C=CH");
        using var http = _server.Connect(shared.Root.Issues(Bank));
        (string, string)[] assertion = [("client_assertion", "e30.e30."), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")];

        Refuses(await PostAsync(http, client, ("client_secret", "x")));
        Refuses(await PostAsync(http, client, assertion));
        (await PostAsync(http, client, [("client_secret", "x"), .. assertion])).Refuses("invalid_request");
        Refuses(await TlsClient.PostAsync(http, "/connect/token", ClientCredentials, Calls.Basic(client.ClientId, "x")));
        Refuses(await TlsClient.PostAsync(http, "/connect/token", ClientCredentials));
    }

    [Fact, Rfc("8705", "3.4")]
    public async Task Its_tokens_may_be_bound_to_the_certificate()
    {
        var client = await RegistersAsync("san_dns", "bank.example", ""","tls_client_certificate_bound_access_tokens":true""");
        var certificate = shared.Root.Issues(names: names => names.AddDnsName("bank.example"));

        var bound = Around.Claims((await ActsAsync(client, certificate)).AccessToken).GetProperty("cnf").GetProperty("x5t#S256").GetString();

        Assert.Equal(System.Buffers.Text.Base64Url.EncodeToString(System.Security.Cryptography.SHA256.HashData(certificate.RawData)), bound);
    }

    [Fact, Rfc("8705", "6.5")]
    public async Task Behind_a_proxy_the_forwarded_certificate_counts()
    {
        var client = await RegistersAsync("subject_dn", "CN=bank,O=Bank AG,C=CH");
        await using var node = await _server.StartNodeAsync([.. shared.Listening, .. shared.Trusting, "--MutualTls:ProxyHeader=X-Client-Cert", "--ForwardedHeaders:KnownProxies=127.0.0.1"]);

        foreach (var (certificate, status) in ((X509Certificate2, HttpStatusCode)[])[(shared.Below.Issues(Bank), HttpStatusCode.OK), (new TestAuthority("CN=Root").Issues(Bank), HttpStatusCode.Unauthorized)])
        {
            using var http = node.Connect();
            http.DefaultRequestHeaders.Add("X-Client-Cert", Convert.ToBase64String(certificate.RawData));
            Assert.Equal(status, (await PostAsync(http, client)).Status);
        }
    }

    private static void Refuses(Answer answer) => answer.Refuses(HttpStatusCode.Unauthorized, "invalid_client");

    /// <summary><paramref name="behind"/> is sent after the client's certificate.</summary>
    private HttpClient Connect(X509Certificate2 certificate, X509Certificate2 behind)
    {
        var handler = new SocketsHttpHandler();
#pragma warning disable CA5359
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        handler.SslOptions.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, [behind], offline: true);
        return new HttpClient(handler) { BaseAddress = _server.Address };
    }

    private Task<Answer> ActsAsync(TlsClient client, X509Certificate2? certificate) => client.PostsAsync(_server, "/connect/token", ClientCredentials, by: certificate);

    private static Task<Answer> PostAsync(HttpClient http, TlsClient client, params (string, string)[] more) =>
        TlsClient.PostAsync(http, "/connect/token", [("client_id", client.ClientId), .. ClientCredentials, .. more]);

    private async Task<TlsClient> RegistersAsync(string kind, string name, string more = "")
    {
        var client = new TlsClient($"issued{Interlocked.Increment(ref _clients)}");
        await _server.AppliesAsync($$"""{"clients":[{"client_id":"{{client.ClientId}}","token_endpoint_auth_method":"tls_client_auth","grant_types":["client_credentials"],"tls_client_auth_{{kind}}":{{System.Text.Json.JsonSerializer.Serialize(name)}}{{more}}}]}""");
        return client;
    }
}
