namespace IdentityServer.Settings;

/// <param name="Retention">How long security events are kept; null: for ever. 90 days when not set.</param>
internal sealed record AuditSettings(TimeSpan? Retention)
{
    public static AuditSettings Read(SettingsReader settings)
    {
        var days = settings.Number("Audit:RetentionDays", 90, 0, 36_500, "a whole number of days, 0 for ever,");
        return new(days == 0 ? null : TimeSpan.FromDays(days));
    }
}
