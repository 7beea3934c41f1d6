namespace IdentityServer.Settings;

/// <param name="Lifetime">How long a device waits for its user (RFC 8628 §3.2: <c>expires_in</c>); 600 s when not set.</param>
internal sealed record DeviceCodeSettings(TimeSpan Lifetime)
{
    public static DeviceCodeSettings Read(SettingsReader settings) =>
        new(settings.Seconds("DeviceCodes:Lifetime", 600, 1, 3600));
}
