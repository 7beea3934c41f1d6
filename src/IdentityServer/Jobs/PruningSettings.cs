using Quartz;
using ServiceDefaults.Settings;

namespace IdentityServer.Jobs;

[Section("Pruning")]
internal sealed record PruningSettings : ICheckedSettings
{
    /// <summary>When the job <c>prune</c> runs, as Quartz writes it.</summary>
    public string Cron { get; init; } = "0 0/10 * * * ?";

    public void Check(SettingsReader settings)
    {
        const string name = "Pruning:Cron";
        try
        {
            if (new CronExpression(Cron).GetNextValidTimeAfter(TimeProvider.System.GetUtcNow()) is null)
                throw SettingsReader.Impossible(name, Cron, "a Quartz cron expression with a time that is still to come, such as \"0 0/10 * * * ?\"");
        }
        catch (FormatException)
        {
            throw SettingsReader.Impossible(name, Cron, "a Quartz cron expression such as \"0 0/10 * * * ?\"");
        }
    }
}
