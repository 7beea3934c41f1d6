using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Audit;

[Section("Audit")]
internal sealed record AuditSettings
{
    [Range(0, 36_500, ErrorMessage = "a whole number of days, 0 for ever, from {1} to {2}")]
    public int RetentionDays { get; init; } = 90;

    /// <summary>How long security events are kept; null: for ever.</summary>
    public TimeSpan? Retention => RetentionDays == 0 ? null : TimeSpan.FromDays(RetentionDays);
}
