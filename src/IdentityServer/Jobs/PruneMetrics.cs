using System.Diagnostics.Metrics;

namespace IdentityServer.Jobs;

/// <summary>The counter <c>identityserver.pruned</c>: rows deleted, by what they were.</summary>
internal sealed class PruneMetrics
{
    private readonly Counter<long> _pruned;

    public PruneMetrics(IMeterFactory meters) =>
        _pruned = meters.Create("IdentityServer").CreateCounter<long>("identityserver.pruned", unit: "{row}", description: "Rows deleted because they can neither be used again nor need be remembered.");

    public void Count(string what, long rows) => _pruned.Add(rows, new KeyValuePair<string, object?>("what", what));
}
