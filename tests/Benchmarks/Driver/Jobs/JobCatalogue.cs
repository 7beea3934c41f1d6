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
        ("api", Api.RunAsync),
        ("two_nodes", TwoNodes.RunAsync),
        ("start", Start.RunAsync),
    ];

    /// <summary>They take minutes each, so only on request.</summary>
    public static readonly IReadOnlyList<(string Name, Job Job)> Heavy =
    [
        ("scale", Scale.RunAsync),
        ("prune", Pruning.RunAsync),
        ("memory", Memory.RunAsync),
    ];

    /// <summary>With <c>--peer</c>, or when asked for.</summary>
    public static readonly IReadOnlyList<(string Name, Job Job)> Peers =
    [
        ("openiddict", OpenIddictAsItComes.RunAsync),
        ("code", CodeFlow.RunAsync),
        ("oidc_provider", OidcProvider.RunAsync),
    ];

    /// <summary>Null: there is no such job.</summary>
    public static IReadOnlyList<(string Name, Job Job)>? Choose(Options options)
    {
        (string Name, Job Job)[] all = [.. Usual, .. Peers, .. Heavy];
        var named = options.IsAll ? all : options.Jobs.Count == 0 ? Usual : all.Where(job => options.Jobs.Contains(job.Name));
        var chosen = named.Concat(options.WithPeer ? Peers : []).Distinct().Where(job => !options.Skipped.Contains(job.Name)).ToList();
        return options.Jobs.Concat(options.Skipped).All(name => all.Any(job => job.Name == name)) ? chosen : null;
    }
}
