namespace Faults.Scenarios;

/// <summary>Makes one fault happen and counts.</summary>
internal delegate Task Scenario(Lab lab, Tally tally, Options options);

/// <summary>The table of contents.</summary>
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

    /// <summary>libfaketime disturbs .NET's own timeouts: the node in another time often does not come up.</summary>
    private const string OnlyWhenNamed = "wrong-clock";

    /// <summary>Null: there is no such fault.</summary>
    public static IReadOnlyList<(string Name, Scenario Run)>? Choose(Options options)
    {
        if (options.Faults.Count == 0)
            return [.. All.Where(fault => fault.Name != OnlyWhenNamed)];
        var chosen = options.Faults.Select(name => All.FirstOrDefault(fault => fault.Name == name)).ToList();
        return chosen.TrueForAll(fault => fault.Run is not null) ? chosen : null;
    }
}
