namespace Benchmarks.Driver.Jobs;

/// <summary>A job adds its rows to the bench.</summary>
internal delegate Task Job(Bench bench, CancellationToken cancellationToken);

internal static class JobCatalogue
{
    /// <summary>What a plain run does, in this order.</summary>
    public static readonly IReadOnlyList<(string Name, Job Job)> Usual =
    [
        ("client_credentials", ClientCredentials.WithEs256Async),
        ("client_credentials_rs256", ClientCredentials.WithRs256Async),
        ("refresh", Refresh.RunAsync),
        ("revoke", Revoke.RunAsync),
        ("introspect_seen", Introspect.SeenAsync),
        ("introspect_new", Introspect.NeverSeenAsync),
        ("password", PasswordSignIn.RunAsync),
        ("get", Items.GetAsync),
        ("put", Items.PutAsync),
        ("start", Start.RunAsync),
    ];

    /// <summary>They take minutes each, so only on request.</summary>
    public static readonly IReadOnlyList<(string Name, Job Job)> Heavy =
    [
        ("scale", Scale.RunAsync),
        ("prune", Pruning.RunAsync),
        ("memory", Memory.RunAsync),
    ];

    public const string Peer = "peer";

    /// <summary>Null: there is no such job.</summary>
    public static IReadOnlyList<(string Name, Job Job)>? Choose(Options options)
    {
        (string Name, Job Job)[] all = [.. Usual, .. Heavy, (Peer, Jobs.Peer.RunAsync)];
        var names = options.Jobs.Count == 0 ? Usual.Select(job => job.Name) : options.Jobs;
        if (options.WithPeer)
            names = names.Append(Peer);
        var chosen = names.Select(name => Array.Find(all, job => job.Name == name)).ToList();
        return chosen.TrueForAll(job => job.Job is not null) ? chosen : null;
    }
}
