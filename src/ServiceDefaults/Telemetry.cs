using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace ServiceDefaults;

/// <summary>Metrics for Prometheus, and metrics and traces by OTLP. OpenTelemetry's assemblies are loaded only when this class is used.</summary>
internal static class Telemetry
{
    /// <summary>More label sets are counted together: no caller can make a scrape grow without limit.</summary>
    internal const int MaxSeries = 256;

    // Each in turn would wait 5 seconds for a collector that does not answer.
    private const int ShutdownMilliseconds = 3_000;

    public static void Add(WebApplicationBuilder builder, string serviceName, string[] meters, MetricsSettings? prometheus, bool isExported)
    {
        var exportsMetrics = isExported && OtlpSettings.Exports(builder.Configuration, "OTEL_METRICS_EXPORTER");
        var telemetry = builder.Services.AddOpenTelemetry().ConfigureResource(resource => Describe(resource, serviceName));
        if (prometheus is not null || exportsMetrics)
        {
            telemetry.WithMetrics(metrics =>
            {
                metrics.AddMeter([.. meters, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"]).AddNpgsqlInstrumentation().AddRuntimeInstrumentation();
                ((IDeferredMeterProviderBuilder)metrics).Configure((services, configured) => configured.AddView(ViewOf(services.GetRequiredService<IMeterFactory>())));
                if (prometheus is not null)
                    metrics.AddPrometheusExporter(text => (text.ScopeInfoEnabled, text.TargetInfoEnabled, text.ScrapeResponseCacheDurationMilliseconds) = (false, false, 0));
                if (exportsMetrics)
                    metrics.AddOtlpExporter();
            });
        }
        if (isExported && OtlpSettings.Exports(builder.Configuration, "OTEL_TRACES_EXPORTER"))
            telemetry.WithTracing(traces => traces.AddAspNetCoreInstrumentation().AddNpgsql().AddProcessor<ExportedSpans>().AddOtlpExporter());

        builder.Services.AddHostedService<Flush>();
        if (prometheus is not null)
        {
            builder.Services.AddSingleton(prometheus);
            builder.Services.AddSingleton<MetricsServer>();
            builder.Services.AddHostedService(services => services.GetRequiredService<MetricsServer>());
        }
    }

    /// <summary>Drops the meters that another host in this process made, and all labels but the allowed ones.</summary>
    private static Func<Instrument, MetricStreamConfiguration?> ViewOf(IMeterFactory factory) => instrument =>
        instrument.Meter.Scope is IMeterFactory other && other != factory
            ? MetricStreamConfiguration.Drop
            : new() { TagKeys = AllowedTags.OfMetrics, CardinalityLimit = MaxSeries };

    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last and win.
    private static void Describe(ResourceBuilder resource, string serviceName) => resource
        .Clear()
        .AddService(serviceName, serviceVersion: typeof(Telemetry).Assembly.GetName().Version?.ToString(3))
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();

    private sealed class Flush(IServiceProvider services) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
            Task.Run(() => services.GetService<MeterProvider>()?.Shutdown(ShutdownMilliseconds), CancellationToken.None),
            Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(ShutdownMilliseconds), CancellationToken.None));
    }
}
