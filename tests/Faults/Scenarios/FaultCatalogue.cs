namespace Faults.Scenarios;

/// <summary>Makes one fault happen and counts.</summary>
internal delegate Task Scenario(Lab lab, Tally tally, Options options);

internal static class FaultCatalogue
{
    public static readonly IReadOnlyList<(string Name, Scenario Run)> All =
    [
        ("kill-server", Kill.ServerAsync),
        ("kill-api", Kill.ApiAsync),
        ("kill-postgres", Kill.PostgresAsync),
        ("postgres-away", Outage.RunAsync),
        ("cut-answers", CutAnswers.RunAsync),
        ("rolling-restart", RollingRestart.RunAsync),
        ("failover", Failover.RunAsync),
        ("slow-statements", Slow.StatementsAsync),
        ("pool-exhausted", Slow.PoolAsync),
        ("disk-full", DiskFull.RunAsync),
        ("key-rotation", KeyRotation.RunAsync),
        ("password-storm", Storm.RunAsync),
        ("wrong-clock", Clock.RunAsync),
        ("later-schema", Schema.RunAsync),
        ("soak", Soak.RunAsync),
        ("proof", Proof.RunAsync),
    ];

    /// <summary>Its limits are in milliseconds or of memory: nothing else may use the machine meanwhile.</summary>
    public static bool ComesAlone(string fault) => fault is "password-storm" or "soak";

    /// <summary>Null: there is no such fault.</summary>
    public static IReadOnlyList<(string Name, Scenario Run)>? Choose(Options options)
    {
        if (options.Faults.Count == 0)
            return All;
        var chosen = options.Faults.Select(name => All.FirstOrDefault(fault => fault.Name == name)).ToList();
        return chosen.TrueForAll(fault => fault.Run is not null) ? chosen : null;
    }
}
