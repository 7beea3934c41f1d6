namespace IdentityServer.Settings;

/// <param name="Lifetime">From issue to <c>exp</c>: how long the client may take to look at it; 1 s to 1 day, 300 s when not set.</param>
internal sealed record IdTokenSettings(TimeSpan Lifetime)
{
    public static IdTokenSettings Read(SettingsReader settings) => new(settings.Seconds("IdTokens:Lifetime", 300, 1, 86_400));
}
