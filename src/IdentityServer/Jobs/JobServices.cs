using IdentityServer.Audit;
using IdentityServer.Keys;
using Quartz;
using ServiceDefaults.Settings;

namespace IdentityServer.Jobs;

internal static class JobServices
{
    public static void AddJobs(this IServiceCollection services, SettingsReader settings)
    {
        var pruning = services.AddSettings<PruningSettings>(settings);
        var keys = services.AddSettings<SigningKeySettings>(settings);
        // Checks several times within the period that a key is published ahead, and at least once an hour.
        var look = TimeSpan.FromSeconds(Math.Clamp(keys.PublishAhead.TotalSeconds / 4, 1, 3600));

        services.AddSettings<AuditSettings>(settings);
        services.AddQuartz(quartz =>
        {
            quartz.ScheduleJob<Prune>(trigger => trigger.WithIdentity("prune").WithCronSchedule(pruning.Cron), job => job.WithIdentity("prune"));
            quartz.ScheduleJob<RotateSigningKeys>(
                trigger => trigger.WithIdentity("rotate-signing-keys").WithSimpleSchedule(every => every.WithInterval(look).RepeatForever()),
                job => job.WithIdentity("rotate-signing-keys"));
            quartz.ScheduleJob<DeliverOutbox>(
                trigger => trigger.WithIdentity("deliver-outbox").WithSimpleSchedule(every => every.WithInterval(DeliverOutbox.Interval).RepeatForever()),
                job => job.WithIdentity("deliver-outbox"));
        });
        services.AddQuartzHostedService(hosted => hosted.WaitForJobsToComplete = true);
    }
}
