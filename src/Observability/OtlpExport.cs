using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Observability;

/// <summary>
/// Sends metrics and traces by OTLP while the program runs. Nothing outside of this file and <see cref="ExportedSpans"/>
/// names a type of OpenTelemetry, so that its assemblies are loaded only where they are used.
/// </summary>
internal sealed class OtlpExport(IConfiguration configuration, string serviceName, string[] meters) : IHostedService, IDisposable
{
    // Past it, what a collector that does not answer has not taken is lost; the program must end.
    private const int PatienceAtTheEnd = 3_000;

    /// <summary>Npgsql's source: a span for each statement, with its text and none of its values.</summary>
    public const string Statements = "Npgsql";

    private MeterProvider? _metrics;
    private TracerProvider? _traces;

    public static void Add(WebApplicationBuilder builder, string serviceName, string[] meters)
    {
        // ASP.NET Core leaves its tags to an instrumentation library, unless told so; read when the host is built.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        builder.Services.AddSingleton<IStartupFilter, RequestSpans>();
        builder.Services.AddHostedService(services => new OtlpExport(services.GetRequiredService<IConfiguration>(), serviceName, meters));
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (OtlpSettings.Exports(configuration, "OTEL_METRICS_EXPORTER"))
        {
            _metrics = Sdk.CreateMeterProviderBuilder()
                .ConfigureServices(services => services.AddSingleton(configuration))
                .ConfigureResource(Describe)
                .AddMeter(meters)
                .AddOtlpExporter()
                .Build();
        }
        if (OtlpSettings.Exports(configuration, "OTEL_TRACES_EXPORTER"))
        {
            _traces = Sdk.CreateTracerProviderBuilder()
                .ConfigureServices(services => services.AddSingleton(configuration))
                .ConfigureResource(Describe)
                .AddSource("Microsoft.AspNetCore", Statements)
                .AddProcessor(new ExportedSpans())
                .AddOtlpExporter()
                .Build();
        }
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => _metrics?.Shutdown(PatienceAtTheEnd), CancellationToken.None),
        Task.Run(() => _traces?.Shutdown(PatienceAtTheEnd), CancellationToken.None));

    public void Dispose()
    {
        _metrics?.Dispose();
        _traces?.Dispose();
    }

    // What the variables OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes later and counts.
    private void Describe(ResourceBuilder resource) => resource
        .Clear()
        .AddService(serviceName, serviceVersion: typeof(OtlpExport).Assembly.GetName().Version?.ToString(3))
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();
}
