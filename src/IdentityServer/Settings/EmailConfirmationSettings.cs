namespace IdentityServer.Settings;

/// <param name="Lifetime">How long the link of a message is good; 86,400 s (a day) when not set.</param>
internal sealed record EmailConfirmationSettings(TimeSpan Lifetime)
{
    public static EmailConfirmationSettings Read(SettingsReader settings) =>
        new(settings.Seconds("EmailConfirmation:Lifetime", 86_400, 60, 2_592_000));
}
