using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IdentityServer.Tests.Hosting;

/// <summary>A client's site, on its own loopback port, that answers as the test says.</summary>
internal sealed class ClientSite : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _requests;

    private ClientSite(WebApplication app, RequestDelegate answer)
    {
        _app = app;
        Answer = answer;
        app.Run(httpContext =>
        {
            Interlocked.Increment(ref _requests);
            return Answer(httpContext);
        });
    }

    public RequestDelegate Answer { get; set; }

    public int Requests => Volatile.Read(ref _requests);

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public static async Task<ClientSite> StartAsync(RequestDelegate answer, bool https = false)
    {
        var builder = WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (https)
                listen.UseHttps(Certificate());
        }));
        if (https)
            builder.WebHost.UseKestrelHttpsConfiguration();
        var site = new ClientSite(builder.Build(), answer);
        await site._app.StartAsync();
        return site;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=client.example", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }
}
