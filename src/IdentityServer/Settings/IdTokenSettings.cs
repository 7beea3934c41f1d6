using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Settings;

[Section("IdTokens")]
internal sealed record IdTokenSettings
{
    /// <summary>From issue to <c>exp</c>: how long the client may take to look at it.</summary>
    [Range(1, 86_400)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(5);
}
