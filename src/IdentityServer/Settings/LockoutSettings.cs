namespace IdentityServer.Settings;

/// <param name="MaxFailures">Wrong passwords in a row after which an account takes no password for a while.</param>
/// <param name="Duration">How long that while is.</param>
internal sealed record LockoutSettings(int MaxFailures, TimeSpan Duration)
{
    public static LockoutSettings Read(SettingsReader settings) => new(
        settings.Number("Lockout:MaxFailures", 10, 1, 1000),
        settings.Seconds("Lockout:Duration", 300, 1, 86_400));
}
