namespace IdentityServer.Settings;

/// <summary>How many requests a window takes. The lockout of an account is another thing and is never off.</summary>
/// <param name="IsEnabled">False switches the rates off (tests, load runs).</param>
/// <param name="Window">The length of a window; 60 s when not set.</param>
internal sealed record LimitSettings(
    bool IsEnabled, TimeSpan Window,
    int TokensPerAddress, int SignInsPerAddress, int SignInsPerAccount,
    int RegistrationsPerAddress, int ClientRegistrationsPerAddress, int ResetsPerAddress, int ResetsPerAccount,
    int UserCodesPerAddress, int UserCodesPerSession)
{
    private const int Most = 1_000_000_000;

    public static LimitSettings Read(SettingsReader settings) => new(
        settings.Flag("Limits:Enabled", true),
        settings.Seconds("Limits:Window", 60, 1, 86_400),
        settings.Number("Limits:TokensPerAddress", 6_000, 1, Most),
        settings.Number("Limits:SignInsPerAddress", 300, 1, Most),
        settings.Number("Limits:SignInsPerAccount", 30, 1, Most),
        settings.Number("Limits:RegistrationsPerAddress", 60, 1, Most),
        settings.Number("Limits:ClientRegistrationsPerAddress", 30, 1, Most),
        settings.Number("Limits:ResetsPerAddress", 30, 1, Most),
        settings.Number("Limits:ResetsPerAccount", 5, 1, Most),
        settings.Number("Limits:UserCodesPerAddress", 60, 1, Most),
        settings.Number("Limits:UserCodesPerSession", 20, 1, Most));
}
