using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Accounts;

[Section("ResetTokens")]
internal sealed record ResetTokenSettings
{
    /// <summary>How long a password reset waits to be made.</summary>
    [Range(1, 7 * 86_400)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(1);
}
