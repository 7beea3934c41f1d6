using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

namespace ServiceDefaults;

/// <summary>
/// Serves <c>GET /metrics</c> on a port of its own, and nothing else there. It is a second application, so that a scrape is
/// not counted, traced or logged as a request.
/// </summary>
internal sealed partial class MetricsServer : IHostedService, IAsyncDisposable
{
    private readonly MetricsSettings _settings;
    private readonly ILogger _logger;
    private readonly WebApplication _app;

    public MetricsServer(MetricsSettings settings, MeterProvider meters, ILogger<MetricsServer> logger)
    {
        (_settings, _logger) = (settings, logger);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseUrls(settings.Addresses).UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // There are few scrapers.
            kestrel.Limits.MaxConcurrentConnections = 32;
            kestrel.Limits.MaxRequestBodySize = 1024;
        });
        builder.Services.AddRoutingCore();
        // Not the program's source, whose spans are exported.
        builder.Services.AddSingleton(new ActivitySource(nameof(MetricsServer)));
        _app = builder.Build();
        _app.MapPrometheusScrapingEndpoint("/metrics", meters, null, null).WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));
    }

    /// <summary>The addresses with the ports that were bound.</summary>
    public ICollection<string> Addresses => _app.Urls;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception unusable) when (unusable is IOException or SocketException or FormatException or ArgumentException or InvalidOperationException)
        {
            throw new StartupException($"The setting {MetricsSettings.Name} is \"{_settings.Urls}\", which can't be listened on: {unusable.Message.ReplaceLineEndings(" ")}", unusable);
        }
        LogListening(string.Join(' ', Addresses));
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [LoggerMessage(5010, LogLevel.Information, "Metrics at {Addresses}")]
    private partial void LogListening(string addresses);
}
