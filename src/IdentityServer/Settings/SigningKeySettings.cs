namespace IdentityServer.Settings;

/// <param name="Lifetime">How long a key signs before its successor takes over; 90 days when not set.</param>
/// <param name="PublishAhead">How long a new key stands in the JWKS before it signs; one day when not set.</param>
internal sealed record SigningKeySettings(TimeSpan Lifetime, TimeSpan PublishAhead)
{
    public static SigningKeySettings Read(SettingsReader settings)
    {
        const string name = "SigningKeys:PublishAhead";
        var read = new SigningKeySettings(
            settings.Seconds("SigningKeys:Lifetime", 90 * 86_400, 2, 10 * 365 * 86_400),
            settings.Seconds(name, 86_400, 1, 365 * 86_400));
        return read.PublishAhead < read.Lifetime
            ? read
            : throw SettingsReader.Impossible(name, $"{read.PublishAhead.TotalSeconds}", $"shorter than SigningKeys:Lifetime, which is {read.Lifetime.TotalSeconds}");
    }
}
