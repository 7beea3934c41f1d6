using Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Observability;

/// <summary>What a program lets be seen of itself: metrics, traces and, in Production, a log that machines read.</summary>
public static class ObservabilityServices
{
    /// <summary>Reads <c>Metrics:Urls</c> and the <c>OTEL_</c> variables. What neither asks for costs nothing.</summary>
    /// <param name="serviceName">The name in traces and metrics, unless <c>OTEL_SERVICE_NAME</c> gives another.</param>
    /// <param name="meters">The program's own; those of ASP.NET Core, Npgsql and the runtime come with them.</param>
    /// <exception cref="StartupException">A setting that can't be.</exception>
    public static void AddObservability(this WebApplicationBuilder builder, string serviceName, params ReadOnlySpan<string> meters)
    {
        ArgumentNullException.ThrowIfNull(builder);
        string[] heard = [.. meters, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "System.Runtime"];
        ProductionLog.Add(builder);
        if (MetricsSettings.Read(builder.Configuration) is { } settings)
        {
            builder.Services.AddSingleton(settings);
            builder.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<MetricsCollector>(services, [heard]));
            builder.Services.AddSingleton<MetricsServer>();
            builder.Services.AddHostedService(services => services.GetRequiredService<MetricsServer>());
        }
        if (OtlpSettings.IsOn(builder.Configuration))
            OtlpExport.Add(builder, serviceName, heard);
    }
}
