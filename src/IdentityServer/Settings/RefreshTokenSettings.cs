using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Settings;

[Section("RefreshTokens")]
internal sealed record RefreshTokenSettings
{
    /// <summary>
    /// The least that a leeway is for a confidential client whose tokens are bound to keys: a stolen one is of no use without the
    /// client's own credentials and a key, and such a client may be long in coming back (FAPI 2.0 Security Profile §5.3.2.1).
    /// </summary>
    public static readonly TimeSpan BoundLeeway = TimeSpan.FromSeconds(120);

    private const int Year = 365 * 86_400;

    private static readonly TimeSpan Standard = TimeSpan.FromDays(90);

    /// <summary>How long a refresh token waits to be used; each use starts it anew.</summary>
    [Range(1, Year)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(14);

    /// <summary>How long a sign-in may be carried on by refreshing at all; 90 days when not set, or <see cref="Lifetime"/> where that is longer.</summary>
    [Range(1, 10 * Year)]
    public TimeSpan AbsoluteLifetime
    {
        get => field > TimeSpan.Zero ? field : Lifetime > Standard ? Lifetime : Standard;
        init;
    }

    /// <summary>
    /// After a rotation, how long the old token is still answered with the same successor, so that a lost response
    /// or two tabs log nobody out (RFC 9700 §4.14.2). Zero switches it off.
    /// </summary>
    [Range(0, 600)]
    public TimeSpan Leeway { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Expiries are pruned by this coarser time, so that the indexed column rarely changes and a rotation
    /// stays a heap-only update.
    /// </summary>
    public TimeSpan PruneGrain => TimeSpan.FromSeconds(Math.Max(1, Math.Floor(Lifetime.TotalSeconds / 64)));

    /// <summary>The next coarse step after an expiry; a spend says the same in SQL, so that the first one is heap-only too.</summary>
    public DateTimeOffset PrunableAfter(DateTimeOffset expires) =>
        DateTimeOffset.UnixEpoch.AddTicks(((expires - DateTimeOffset.UnixEpoch).Ticks / PruneGrain.Ticks + 1) * PruneGrain.Ticks);
}
