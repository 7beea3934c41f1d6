using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

internal static class ServiceDefaultsExtensions
{
    /// <summary>Adds the log, metrics, traces and health. Metrics and traces that no setting asks for cost nothing.</summary>
    /// <param name="serviceName">The name in metrics and traces unless <c>OTEL_SERVICE_NAME</c> gives another.</param>
    /// <param name="isStarted">A failed start is one line, written by the program: until then the host and Data Protection log nothing.</param>
    /// <param name="meters">The program's own; those of ASP.NET Core, Npgsql and the runtime are added to them.</param>
    /// <exception cref="StartupException">A setting is invalid.</exception>
    public static void AddServiceDefaults(this WebApplicationBuilder builder, SettingsReader settings, string serviceName, Func<bool> isStarted, params string[] meters)
    {
        GuardedLogs.Add(builder, isStarted);
        ProductionLog.Add(builder);
        builder.Services.AddHealthChecks().AddCheck<Draining>(Draining.Name);
        // It logs every probe of a node that is not ready; what failed is logged once, by whoever noticed.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);

        var (metrics, isExported) = (settings.Read<MetricsSettings>() is { Urls: not null } asked ? asked : null, OtlpSettings.IsOn(builder.Configuration));
        if (metrics is not null || isExported)
            Telemetry.Add(builder, serviceName, meters, metrics, isExported);
    }
}
