using System.Diagnostics.Metrics;
using IdentityServer.ResourceServer;

namespace ResourceApi.Telemetry;

/// <summary>The API's instruments. Labels are routes and error codes; never a user, a key or anything that a caller sent.</summary>
internal sealed class ApiMetrics
{
    public const string MeterName = "ResourceApi";

    private readonly Counter<long> _requests;

    public ApiMetrics(IMeterFactory meters, IssuerStatus issuer)
    {
        var meter = meters.Create(MeterName);
        _requests = meter.CreateCounter<long>("resourceapi.requests", "{request}", "Requests answered, by route and error code; ok without one.");
        meter.CreateObservableGauge("resourceapi.feed.age", () => issuer.FeedAge is { } age ? [new(age.TotalSeconds)] : Array.Empty<Measurement<double>>(),
            "s", "How long ago the issuer's revocation feed answered last; a quiet feed is asked again after some seconds.");
        meter.CreateObservableGauge("resourceapi.issuer.ready", () => issuer.IsReady ? 1 : 0, null, "Whether tokens can be judged: 1, or 0 without keys or with a stale feed.");
    }

    /// <summary>Whether anybody reads the outcomes of requests.</summary>
    public bool CountsRequests => _requests.Enabled;

    /// <param name="route">The route's pattern, not the path: that holds somebody's key.</param>
    public void Answered(string route, string outcome) => _requests.Add(1, new("http.route", route), new("outcome", outcome));
}
