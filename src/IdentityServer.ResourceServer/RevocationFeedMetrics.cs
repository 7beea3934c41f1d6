using System.Diagnostics.Metrics;

namespace IdentityServer.ResourceServer;

/// <summary>The meter <c>IdentityServer.ResourceServer</c>: how late revocations reach this API.</summary>
internal sealed class RevocationFeedMetrics(IMeterFactory meters, TimeProvider timeProvider)
{
    private static readonly InstrumentAdvice<double> Bounds = new() { HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30] };

    private readonly Histogram<double> _lag = meters.Create("IdentityServer.ResourceServer").CreateHistogram(
        "resource_server.feed.lag", "s", "Time from a revocation at the issuer to this API's knowing of it.", tags: null, Bounds);

    /// <summary>If the issuer's clock is ahead of ours, the delay counts as zero.</summary>
    public void Learned(IReadOnlyList<Revocation> revoked)
    {
        if (!_lag.Enabled || revoked.Count == 0)
            return;
        var now = timeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var entry in revoked)
            _lag.Record(Math.Max(0, now - entry.At) / 1000d);
    }
}
