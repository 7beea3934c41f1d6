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
            _ = new CronExpression(cron);
            return new(cron);
        }
        catch (FormatException)
        {
            throw SettingsReader.Impossible(name, cron, "a Quartz cron expression such as \"0 0/10 * * * ?\"");
        }
    }
}
