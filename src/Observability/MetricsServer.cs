using System.Net.Sockets;
using System.Text;
using Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Observability;

/// <summary>
/// <c>GET /metrics</c> on a port of its own, and nothing else there. A bare Kestrel without a host: what is asked here is no
/// request of the program and is not counted as one.
/// </summary>
internal sealed partial class MetricsServer : IHostedService, IHttpApplication<HttpContext>, IDisposable
{
    private const string Path = "/metrics";

    private readonly MetricsSettings _settings;
    private readonly MetricsCollector _collector;
    private readonly ILogger _log;
    private readonly KestrelServer _server;

    public MetricsServer(MetricsSettings settings, MetricsCollector collector, IServiceProvider services, ILoggerFactory loggers)
    {
        (_settings, _collector, _log) = (settings, collector, loggers.CreateLogger<MetricsServer>());
        var options = new KestrelServerOptions { ApplicationServices = services, AddServerHeader = false };
        // Scrapers are few.
        options.Limits.MaxConcurrentConnections = 32;
        options.Limits.MaxRequestBodySize = 1024;
        options.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(5);
        _server = new KestrelServer(Options.Create(options), new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers), loggers);
    }

    /// <summary>Where it listens, as it turned out.</summary>
    public ICollection<string> Addresses => _server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _collector.Start();
        foreach (var url in _settings.Urls)
            Addresses.Add(url);
        try
        {
            await _server.StartAsync(this, cancellationToken);
        }
        catch (Exception unusable) when (unusable is IOException or SocketException or FormatException or ArgumentException or InvalidOperationException)
        {
            throw new StartupException($"The setting {MetricsSettings.Name} is \"{string.Join(';', _settings.Urls)}\", which can't be listened at: {unusable.Message.ReplaceLineEndings(" ")}", unusable);
        }
        LogListening(string.Join(' ', Addresses));
    }

    public Task StopAsync(CancellationToken cancellationToken) => _server.StopAsync(cancellationToken);

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public Task ProcessRequestAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        if (request.Path.Value != Path)
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            response.Headers.Allow = "GET, HEAD";
            return Task.CompletedTask;
        }
        var body = Encoding.UTF8.GetBytes(_collector.Read());
        response.ContentType = PrometheusText.ContentType;
        response.ContentLength = body.Length;
        response.Headers.CacheControl = "no-store";
        return HttpMethods.IsHead(request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body, 0, body.Length, context.RequestAborted);
    }

    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }

    public void Dispose() => _server.Dispose();

    [LoggerMessage(5010, LogLevel.Information, "Metrics at {Addresses}")]
    private partial void LogListening(string addresses);
}
