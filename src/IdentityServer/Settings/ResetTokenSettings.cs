namespace IdentityServer.Settings;

/// <param name="Lifetime">How long a password reset waits to be made; one hour when not set.</param>
internal sealed record ResetTokenSettings(TimeSpan Lifetime)
{
    public static ResetTokenSettings Read(SettingsReader settings) =>
        new(settings.Seconds("ResetTokens:Lifetime", 3600, 1, 7 * 86_400));
}
