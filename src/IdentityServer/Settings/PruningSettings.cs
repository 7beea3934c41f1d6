using Quartz;

namespace IdentityServer.Settings;

/// <param name="Cron">When the job <c>prune</c> runs: a Quartz cron expression, every ten minutes when not set.</param>
internal sealed record PruningSettings(string Cron)
{
    public static PruningSettings Read(SettingsReader settings)
    {
        const string name = "Pruning:Cron";
        var cron = settings.Text(name) ?? "0 0/10 * * * ?";
        try
        {
            return new CronExpression(cron).GetNextValidTimeAfter(TimeProvider.System.GetUtcNow()) is not null
                ? new(cron)
                : throw SettingsReader.Impossible(name, cron, "a Quartz cron expression with a time that is still to come, such as \"0 0/10 * * * ?\"");
        }
        catch (FormatException)
        {
            throw SettingsReader.Impossible(name, cron, "a Quartz cron expression such as \"0 0/10 * * * ?\"");
        }
    }
}
