using System.Net;
using System.Security.Cryptography.X509Certificates;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.MutualTls;

/// <summary>A known proxy forwards the client's certificate in the configured header (RFC 8705 §6.5).</summary>
public sealed class ForwardedCertificateTests(ForwardedCertificateTests.ProxiedServer proxied) : IClassFixture<ForwardedCertificateTests.ProxiedServer>
{
    private const string Header = "X-Client-Cert";

    private static int _clients;

    private readonly TlsServer _shared = proxied.Tls;
    private readonly ServerUnderTest _server = proxied.Tls.Server;

    /// <summary>A node that knows one proxy: whoever calls from 127.0.0.1, as every test does.</summary>
    private readonly ServerUnderTest _node = proxied.Node;

    public sealed class ProxiedServer : IAsyncLifetime
    {
        internal TlsServer Tls { get; } = new();

        internal ServerUnderTest Node { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await Tls.InitializeAsync();
            Node = await StartAsync(Tls, "127.0.0.1");
        }

        public async ValueTask DisposeAsync()
        {
            await Node.DisposeAsync();
            await Tls.DisposeAsync();
        }
    }

    [Theory, Rfc("9440", "2.2"), InlineData("PEM, percent-encoded"), InlineData("base64"), InlineData("base64 between colons")]
    public async Task A_certificate_forwarded_by_a_known_proxy_counts(string form)
    {
        var client = await New().RegisteredAtAsync(_node, hasBoundTokens: true);
        var base64 = Convert.ToBase64String(client.Certificate.RawData);
        var header = form switch
        {
            "base64" => base64,
            "base64 between colons" => $":{base64}:",
            _ => Uri.EscapeDataString(client.Certificate.ExportCertificatePem()),
        };

        var answer = await PostAsync(_node, client, header);

        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        Assert.Equal(client.Thumbprint, Around.Claims(answer.AccessToken).GetProperty("cnf").GetProperty("x5t#S256").GetString());
    }

    [Fact, Rfc("8705", "6.5")]
    public async Task A_header_from_anybody_else_does_not_count()
    {
        var client = await New().RegisteredAtAsync(_server);
        await using var node = await StartAsync(_shared, "192.0.2.7");

        Refuses(await PostAsync(node, client, Convert.ToBase64String(client.Certificate.RawData)));
        // It does not hide the connection's certificate either.
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(node, client, Convert.ToBase64String(New().Certificate.RawData), client.Certificate)).Status);
    }

    [Fact]
    public async Task A_header_that_is_not_configured_is_ignored()
    {
        var client = await New().RegisteredAtAsync(_server);
        await using var node = await _server.StartNodeAsync([.. _shared.Listening, "--MutualTls:Enabled=true", "--ForwardedHeaders:KnownProxies=127.0.0.1"]);

        Refuses(await PostAsync(node, client, Convert.ToBase64String(client.Certificate.RawData)));
    }

    [Fact]
    public async Task The_certificate_of_the_proxys_own_connection_is_never_the_clients()
    {
        var client = await New().RegisteredAtAsync(_node);
        await using var silent = await _server.StartNodeAsync([.. _shared.Listening, "--MutualTls:Enabled=true", "--ForwardedHeaders:KnownProxies=127.0.0.1"]);

        Refuses(await PostAsync(_node, client, null, client.Certificate));
        Refuses(await PostAsync(silent, client, null, client.Certificate));
    }

    [Theory, InlineData("nonsense"), InlineData("%"), InlineData("MIIB"), InlineData(":"), InlineData("-----BEGIN%20CERTIFICATE-----"), InlineData("%00"), InlineData("")]
    public async Task A_header_without_a_valid_certificate_is_ignored(string header)
    {
        var client = await New().RegisteredAtAsync(_node);

        Refuses(await PostAsync(_node, client, header));
        Assert.DoesNotContain(_node.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--MutualTls:Enabled=true"), InlineData("--ForwardedHeaders:KnownProxies=127.0.0.1"), InlineData("--MutualTls:Enabled=true", "--ForwardedHeaders:KnownProxies=127.0.0.1", "--MutualTls:ProxyHeader=a header")]
    public async Task A_configured_header_without_mutual_TLS_and_a_known_proxy_stops_the_start(params string[] settings)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => _server.StartNodeAsync([.. _shared.Listening, $"--MutualTls:ProxyHeader={Header}", .. settings]));

        Assert.StartsWith("The setting MutualTls:ProxyHeader is ", refused.Message, StringComparison.Ordinal);
    }

    private static void Refuses(Answer answer) => answer.Refuses(HttpStatusCode.Unauthorized, "invalid_client");

    private static Task<ServerUnderTest> StartAsync(TlsServer shared, string proxy) =>
        shared.Server.StartNodeAsync([.. shared.Listening, "--MutualTls:Enabled=true", $"--MutualTls:ProxyHeader={Header}", $"--ForwardedHeaders:KnownProxies={proxy}"]);

    private static async Task<Answer> PostAsync(ServerUnderTest server, TlsClient client, string? header, X509Certificate2? certificate = null)
    {
        using var http = server.Connect(certificate);
        if (header is not null)
            http.DefaultRequestHeaders.TryAddWithoutValidation(Header, header);
        return await TlsClient.PostAsync(http, "/connect/token", [("client_id", client.ClientId), ("grant_type", "client_credentials")]);
    }

    private static TlsClient New() => new($"proxied{Interlocked.Increment(ref _clients)}");
}
