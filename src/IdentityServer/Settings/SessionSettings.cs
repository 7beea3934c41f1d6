namespace IdentityServer.Settings;

/// <summary>How long a browser stays signed in.</summary>
/// <param name="Lifetime">From the last time that the password was asked for; 36,000 s (10 hours) when not set. The cookie ends with the browser.</param>
/// <param name="RememberedLifetime">For who ticks "stay signed in"; 2,592,000 s (30 days) when not set.</param>
internal sealed record SessionSettings(TimeSpan Lifetime, TimeSpan RememberedLifetime)
{
    /// <summary>Sessions that were started or renewed before it are over, whatever they were promised: a lowered lifetime reaches those that have begun.</summary>
    public DateTimeOffset OldestAt(DateTimeOffset now) => now - Lifetime;

    /// <inheritdoc cref="OldestAt"/>
    public DateTimeOffset OldestRememberedAt(DateTimeOffset now) => now - RememberedLifetime;

    public static SessionSettings Read(SettingsReader settings) => new(
        settings.Seconds("Sessions:Lifetime", 36_000, 60, 31_536_000),
        settings.Seconds("Sessions:RememberedLifetime", 2_592_000, 60, 31_536_000));
}
