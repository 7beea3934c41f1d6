using NpgsqlTypes;

namespace Postgres;

/// <summary>
/// A lifetime as a parameter of a statement. Npgsql writes the days of a <see cref="TimeSpan"/> as days, and a day of
/// PostgreSQL has 23 or 25 hours where the session's clocks change.
/// </summary>
public static class ExactInterval
{
    public static NpgsqlInterval Of(TimeSpan time) => new(months: 0, days: 0, time: time.Ticks / TimeSpan.TicksPerMicrosecond);

    public static NpgsqlInterval? Of(TimeSpan? time) => time is { } value ? Of(value) : null;
}
