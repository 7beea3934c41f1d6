using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Accounts;

[Section("EmailConfirmation")]
internal sealed record EmailConfirmationSettings
{
    /// <summary>How long the link of a message is good.</summary>
    [Range(60, 2_592_000)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(1);
}
