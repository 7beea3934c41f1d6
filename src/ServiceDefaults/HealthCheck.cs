using Microsoft.Extensions.Configuration;

namespace ServiceDefaults;

/// <summary>The command <c>healthcheck</c>: asks the program's own liveness, for images that have no curl.</summary>
internal static class HealthCheck
{
    /// <param name="settings">From the command line; they win over the environment.</param>
    /// <param name="standard">Where the program listens when no setting says so.</param>
    /// <returns>An exit code: 0 if it is live.</returns>
    public static async Task<int> RunAsync(string[] settings, string standard)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables("ASPNETCORE_").AddEnvironmentVariables().AddCommandLine(settings).Build();
        var url = (configuration["URLS"] ?? standard).Split(';')[0]
            .Replace("://+", "://localhost", StringComparison.Ordinal).Replace("://*", "://localhost", StringComparison.Ordinal)
            .Replace("://0.0.0.0", "://127.0.0.1", StringComparison.Ordinal).Replace("://[::]", "://[::1]", StringComparison.Ordinal);
        // Its own certificate need not name localhost.
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(3) };
        try
        {
            using var answer = await client.GetAsync(new Uri(new Uri(url), "/health/live"));
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception away) when (away is HttpRequestException or TaskCanceledException)
        {
            return 1;
        }
    }
}
