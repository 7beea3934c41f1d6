namespace IdentityServer.Settings;

/// <param name="Drain">How long a node that is told to stop (SIGTERM) still serves, not ready, until load balancers have left it; zero when not set.</param>
/// <param name="Timeout">How long, after that, what has begun may take to end.</param>
internal sealed record ShutdownSettings(TimeSpan Drain, TimeSpan Timeout)
{
    public static ShutdownSettings Read(SettingsReader settings) => new(
        settings.Seconds("Shutdown:DrainSeconds", 0, 0, 600),
        settings.Seconds("Shutdown:TimeoutSeconds", 20, 1, 600));
}
