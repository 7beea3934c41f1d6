using Microsoft.Extensions.Configuration;

namespace Hosting;

/// <param name="Drain">How long a node that is told to stop (SIGTERM) still serves, not ready, until load balancers have left it; zero when not set.</param>
/// <param name="Timeout">How long, after that, what has begun may take to end.</param>
internal sealed record ShutdownSettings(TimeSpan Drain, TimeSpan Timeout)
{
    /// <exception cref="StartupException">A setting is no such number.</exception>
    public static ShutdownSettings Read(IConfiguration configuration) => new(
        SettingNumber.ReadSeconds(configuration, "Shutdown:DrainSeconds", 0, 0, 600),
        SettingNumber.ReadSeconds(configuration, "Shutdown:TimeoutSeconds", 20, 1, 600));
}
