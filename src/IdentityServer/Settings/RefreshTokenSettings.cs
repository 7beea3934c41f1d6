namespace IdentityServer.Settings;

/// <param name="Lifetime">How long a refresh token waits to be used; each use starts it anew.</param>
/// <param name="AbsoluteLifetime">How long a sign-in may be carried on by refreshing at all.</param>
/// <param name="Leeway">
/// After a rotation, how long the old token is still answered with the same successor, so that a lost response
/// or two tabs log nobody out (RFC 9700 §4.14.2). Zero switches it off.
/// </param>
internal sealed record RefreshTokenSettings(TimeSpan Lifetime, TimeSpan AbsoluteLifetime, TimeSpan Leeway)
{
    /// <summary>
    /// The least that a leeway is for a confidential client whose tokens are bound to keys: a stolen one is of no use without the
    /// client's own credentials and a key, and such a client may be long in coming back (FAPI 2.0 Security Profile §5.3.2.1).
    /// </summary>
    public static readonly TimeSpan BoundLeeway = TimeSpan.FromSeconds(120);

    private const int Year = 365 * 86_400;

    public static RefreshTokenSettings Read(SettingsReader settings)
    {
        var lifetime = settings.Seconds("RefreshTokens:Lifetime", 14 * 86_400, 1, Year);
        var absolute = settings.Seconds("RefreshTokens:AbsoluteLifetime", Math.Max(90 * 86_400, (int)lifetime.TotalSeconds), 1, 10 * Year);
        return new(lifetime, absolute, settings.Seconds("RefreshTokens:Leeway", 30, 0, 600));
    }

    /// <summary>
    /// Expiries are pruned by this coarser time, so that the indexed column rarely changes and a rotation
    /// stays a heap-only update.
    /// </summary>
    public TimeSpan PruneGrain { get; } = TimeSpan.FromSeconds(Math.Max(1, Math.Floor(Lifetime.TotalSeconds / 64)));

    /// <summary>The next coarse step after an expiry; a spend says the same in SQL, so that the first one is heap-only too.</summary>
    public DateTimeOffset PrunableAfter(DateTimeOffset expires) =>
        DateTimeOffset.UnixEpoch.AddTicks(((expires - DateTimeOffset.UnixEpoch).Ticks / PruneGrain.Ticks + 1) * PruneGrain.Ticks);
}
