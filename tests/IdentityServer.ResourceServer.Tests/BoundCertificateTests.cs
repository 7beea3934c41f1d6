using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using IdentityServer.ResourceServer.JwtBearer;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>RFC 8705 §3 at an API, over real TLS: a bound token is for whoever has its certificate.</summary>
public sealed class BoundCertificateTests : IAsyncLifetime
{
    private const string Resource = "https://api.example.com";

    private readonly X509Certificate2 _own = NewCertificate();
    private readonly X509Certificate2 _others = NewCertificate();
    private readonly DpopKey _key = new();
    private FakeIssuer _issuer = null!;

    public async ValueTask InitializeAsync() => _issuer = await FakeIssuer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _issuer.DisposeAsync();
        _key.Dispose();
        _own.Dispose();
        _others.Dispose();
    }

    [Theory, Rfc("8705", "3"), InlineData(false), InlineData(true)]
    public async Task A_bound_token_is_accepted_only_on_a_connection_with_its_certificate(bool isJwtBearer)
    {
        await using var api = await StartAsync(isJwtBearer);
        var token = Token(new JsonObject { ["x5t#S256"] = Thumbprint(_own) });

        // Refused before and after it is remembered.
        for (var i = 0; i < 2; i++)
        {
            await RefusesAsync(api, token, null);
            await RefusesAsync(api, token, _others);
            using var response = await GetAsync(api, token, _own);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Theory, Rfc("8705", "3"), InlineData(false), InlineData(true)]
    public async Task A_token_bound_to_a_certificate_and_a_key_needs_both(bool isJwtBearer)
    {
        await using var api = await StartAsync(isJwtBearer);
        var token = Token(new JsonObject { ["x5t#S256"] = Thumbprint(_own), ["jkt"] = _key.Thumbprint });

        await RefusesAsync(api, token, _own);
        await RefusesAsync(api, token, _others, isProved: true);
        await RefusesAsync(api, token, null, isProved: true);
        using var response = await GetAsync(api, token, _own, isProved: true);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task An_unbound_token_is_accepted_on_any_connection(bool isJwtBearer)
    {
        await using var api = await StartAsync(isJwtBearer);
        var token = Token(null);

        foreach (var certificate in (X509Certificate2?[])[null, _own, _others])
        {
            using var response = await GetAsync(api, token, certificate);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    private static async Task RefusesAsync(WebApplication api, string token, X509Certificate2? certificate, DpopKey? key = null)
    {
        using var response = await GetAsync(api, token, certificate, key);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("error=\"invalid_token\"", ProtectedApi.Challenge(response), StringComparison.Ordinal);
    }

    private Task RefusesAsync(WebApplication api, string token, X509Certificate2? certificate, bool isProved) => RefusesAsync(api, token, certificate, isProved ? _key : null);

    private Task<HttpResponseMessage> GetAsync(WebApplication api, string token, X509Certificate2? certificate, bool isProved) => GetAsync(api, token, certificate, isProved ? _key : null);

    private static async Task<HttpResponseMessage> GetAsync(WebApplication api, string token, X509Certificate2? certificate, DpopKey? key = null)
    {
        using var handler = new SocketsHttpHandler();
        // The API's certificate is one that tests make.
#pragma warning disable CA5359
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        if (certificate is not null)
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{api.Urls.Single()}/read");
        request.Headers.TryAddWithoutValidation("Authorization", $"{(key is null ? "Bearer" : "DPoP")} {token}");
        if (key is not null)
            request.Headers.TryAddWithoutValidation("DPoP", key.Proof("GET", $"{Resource}/read", TimeProvider.System.GetUtcNow(), null, token));
        return await http.SendAsync(request);
    }

    private string Token(JsonObject? confirmation)
    {
        var claims = _issuer.Claims(Resource);
        if (confirmation is not null)
            claims["cnf"] = confirmation;
        return _issuer.Sign(claims);
    }

    private async Task<WebApplication> StartAsync(bool isJwtBearer)
    {
        var builder = WebApplication.CreateSlimBuilder(["--environment=Development", "--hostBuilder:reloadConfigOnChange=false"]);
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(_others, https =>
        {
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();
        })));
        if (isJwtBearer)
        {
            builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
                .AddJwtBearer(options => (options.Authority, options.Audience, options.RequireHttpsMetadata) = (_issuer.Address, Resource, false))
                .AddRevocationFeed(options => (options.ClientId, options.ClientSecret) = (FakeIssuer.ClientId, FakeIssuer.ClientSecret))
                .AddDpop();
        }
        else
        {
            builder.Services.AddIdentityServerTokens(options =>
            {
                (options.Authority, options.Resource) = (_issuer.Address, Resource);
                (options.ClientId, options.ClientSecret) = (FakeIssuer.ClientId, FakeIssuer.ClientSecret);
            });
        }
        var app = builder.Build();
        app.MapGet("/read", context => context.Response.WriteAsync("read")).RequireScope("data:read");
        await app.StartAsync();
        return app;
    }

    private static string Thumbprint(X509Certificate2 certificate) => Base64Url.EncodeToString(SHA256.HashData(certificate.RawData));

    private static X509Certificate2 NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        return new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }
}
