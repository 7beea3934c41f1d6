using System.ComponentModel.DataAnnotations;

namespace ServiceDefaults.Settings;

[Section("Database")]
public sealed record DatabaseSettings
{
    /// <summary>Requests that may use the database or wait for it; beyond that the answer is 503 at once.</summary>
    [Range(1, 100_000)]
    public int QueueLength { get; init; } = 1_000;
}
