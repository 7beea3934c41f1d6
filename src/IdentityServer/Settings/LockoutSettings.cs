using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Settings;

[Section("Lockout")]
internal sealed record LockoutSettings
{
    /// <summary>Wrong passwords in a row after which an account takes no password for <see cref="Duration"/>.</summary>
    [Range(1, 1000)]
    public int MaxFailures { get; init; } = 10;

    [Range(1, 86_400)]
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(5);
}
