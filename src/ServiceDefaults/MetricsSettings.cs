using Hosting;
using Microsoft.Extensions.Configuration;

namespace ServiceDefaults;

/// <param name="Urls">Where <c>/metrics</c> is served. Plain http: the scraper is in the operator's own network.</param>
internal sealed record MetricsSettings(string[] Urls)
{
    public const string Name = "Metrics:Urls";

    /// <summary>Null when it is not set; then nothing listens.</summary>
    public static MetricsSettings? Read(IConfiguration configuration)
    {
        var text = configuration[Name];
        if (string.IsNullOrWhiteSpace(text))
            return null;
        var urls = text.Split([';', ',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return urls.Length > 0 && urls.All(IsAddress) ? new(urls)
            : throw new StartupException($"The setting {Name} is \"{text.ReplaceLineEndings(" ")}\"; it must be one or more addresses such as http://localhost:9464, without a path.");
    }

    // A host and a port; + and * stand for every address of the machine.
    private static bool IsAddress(string url) =>
        url.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
        && Uri.TryCreate(url.Replace("://+", "://any", StringComparison.Ordinal).Replace("://*", "://any", StringComparison.Ordinal), UriKind.Absolute, out var uri)
        && uri is { PathAndQuery: "/", UserInfo: "", Fragment: "" } && (!uri.IsDefaultPort || url.TrimEnd('/').EndsWith(":80", StringComparison.Ordinal));
}
