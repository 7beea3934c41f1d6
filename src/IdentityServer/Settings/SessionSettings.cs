using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Settings;

/// <summary>How long a browser stays signed in.</summary>
[Section("Sessions")]
internal sealed record SessionSettings
{
    /// <summary>From the last time that the password was asked for. The cookie ends with the browser.</summary>
    [Range(60, 31_536_000)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(10);

    /// <summary>For who ticks "stay signed in".</summary>
    [Range(60, 31_536_000)]
    public TimeSpan RememberedLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Sessions that were started or renewed before it are over, whatever they were promised: a lowered lifetime reaches those that have begun.</summary>
    public DateTimeOffset OldestAt(DateTimeOffset now) => now - Lifetime;

    /// <inheritdoc cref="OldestAt"/>
    public DateTimeOffset OldestRememberedAt(DateTimeOffset now) => now - RememberedLifetime;
}
