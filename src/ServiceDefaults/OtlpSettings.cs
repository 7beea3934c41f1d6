using Microsoft.Extensions.Configuration;

namespace ServiceDefaults;

/// <summary>OpenTelemetry's own variables. The SDK ignores an invalid value; here it stops the start.</summary>
internal static class OtlpSettings
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";

    public static bool IsOn(IConfiguration configuration)
    {
        var endpoint = configuration[Endpoint];
        if (string.IsNullOrWhiteSpace(endpoint) || string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase))
            return false;
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            throw new StartupException($"The variable {Endpoint} is \"{endpoint.ReplaceLineEndings(" ")}\"; it must be an address such as http://localhost:4317.");
        if (configuration[Protocol] is { Length: > 0 } protocol && protocol is not ("grpc" or "http/protobuf"))
            throw new StartupException($"The variable {Protocol} is \"{protocol.ReplaceLineEndings(" ")}\"; it must be grpc or http/protobuf.");
        return true;
    }

    /// <param name="variable"><c>OTEL_METRICS_EXPORTER</c> or <c>OTEL_TRACES_EXPORTER</c>; <c>none</c> turns that half off.</param>
    public static bool Exports(IConfiguration configuration, string variable) => !string.Equals(configuration[variable], "none", StringComparison.OrdinalIgnoreCase);
}
