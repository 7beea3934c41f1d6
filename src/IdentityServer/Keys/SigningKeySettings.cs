using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Keys;

[Section("SigningKeys")]
internal sealed record SigningKeySettings : ICheckedSettings
{
    /// <summary>How long a key signs before its successor takes over.</summary>
    [Range(2, 10 * 365 * 86_400)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How long a new key stands in the JWKS before it signs.</summary>
    [Range(1, 365 * 86_400)]
    public TimeSpan PublishAhead { get; init; } = TimeSpan.FromDays(1);

    public void Check(SettingsReader settings)
    {
        if (PublishAhead >= Lifetime)
            throw SettingsReader.Impossible("SigningKeys:PublishAhead", $"{PublishAhead.TotalSeconds}", $"shorter than SigningKeys:Lifetime, which is {Lifetime.TotalSeconds}");
    }
}
