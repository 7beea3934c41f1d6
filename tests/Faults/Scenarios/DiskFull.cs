using System.Diagnostics;

namespace Faults.Scenarios;

/// <summary>The database's file system is full for a while: nothing acknowledged is lost, and it recovers.</summary>
internal static class DiskFull
{
    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        if (!Environment.IsPrivilegedProcess || !OperatingSystem.IsLinux())
        {
            tally.Note("not tried: only root can mount a small file system");
            return;
        }
        string? mounted = null;
        var settings = new WorldSettings
        {
            Postgres = ["max_wal_size = 64MB", "min_wal_size = 32MB"],
            PrepareFolderAsync = async folder =>
            {
                await Running.MountAsync(folder, "250m");
                mounted = folder;
                await Postgres.NewFolderAsync(folder);
            },
        };
        try
        {
            await using var world = await World.OpenAsync(lab, tally, settings);
            var load = await Load.StartAsync(world, tally, options.Workers);
            for (; tally.Rounds < options.Pick(1, 3); tally.Rounds++)
            {
                await Task.Delay(TimeSpan.FromSeconds(1));
                tally.Disturb();
                var filler = Path.Combine(mounted!, "filler");
                await FillAsync(filler, TimeSpan.FromSeconds(options.Pick(6, 20)));
                File.Delete(filler);
                // A PostgreSQL that can't write its WAL ends itself and needs its supervisor.
                var hadEnded = world.Postgres.HasExited;
                await world.Postgres.StartAsync();
                var seconds = await load.RecoversAsync(Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(30));
                tally.Calm();
                tally.Note(FormattableString.Invariant($"PostgreSQL {(hadEnded ? "ended itself and was started" : "went on")}; recovered {seconds:0.00} s after there was room"));
                tally.Require(seconds < 5, "recovered within 5 s after there was room");
            }
            await load.StopAsync();
            await new Checks(world, tally).RunAsync();
        }
        finally
        {
            if (mounted is not null)
                await Running.UnmountAsync(mounted);
        }
    }

    /// <summary>Takes every byte that becomes free, for a while.</summary>
    private static async Task FillAsync(string path, TimeSpan time)
    {
        var start = Stopwatch.GetTimestamp();
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var size = 1024 * 1024;
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            try
            {
                await file.WriteAsync(new byte[size]);
            }
            catch (IOException)
            {
                size = Math.Max(4096, size / 2);
                if (size == 4096)
                    await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        }
    }
}
