using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text.Json;
using IdentityServer.Protocol;

namespace IdentityServer.Telemetry;

/// <summary>
/// The server's instruments. Their labels are few and fixed: routes, error codes, grant types; never a user, a client or
/// anything that a caller sent. While nobody listens to one it costs a comparison.
/// </summary>
internal sealed class ServerMetrics
{
    public const string MeterName = "IdentityServer";

    private readonly Meter _meter;
    private readonly TimeProvider _time;
    private readonly Counter<long> _requests, _issued, _refused, _hashesRefused, _pruned, _outboxSent, _outboxFailed;
    private readonly UpDownCounter<int> _hashQueue;
    private readonly Histogram<double> _hashWait, _feedLag;

    // Told from the first scrape on, as 0: an alarm that waits for a rise must see the first theft too.
    private long _grants, _rotated, _repeated, _reused, _outboxDropped;
    private long _outboxDepth;

    // For the refusal's own name; a description is unique in the catalogue, also where a copy carries another Retry-After.
    private readonly Lazy<FrozenDictionary<string, string>> _reasons = new(ReadReasons);

    public ServerMetrics(IMeterFactory meters, TimeProvider timeProvider)
    {
        _time = timeProvider;
        _meter = meters.Create(MeterName);
        _requests = _meter.CreateCounter<long>("identityserver.requests", "{request}", "Requests answered, by route and error code; ok without one.");
        _issued = _meter.CreateCounter<long>("identityserver.tokens.issued", "{token}", "Access tokens issued at the token endpoint, by grant type.");
        _refused = _meter.CreateCounter<long>("identityserver.tokens.refused", "{request}", "Token requests of authenticated clients refused, by grant type and reason.");
        _meter.CreateObservableCounter("identityserver.grants.issued", () => Volatile.Read(ref _grants), "{grant}", "Grants written: sign-ins, by the token endpoint and the account API.");
        _meter.CreateObservableCounter("identityserver.grants.spent",
            () => (Measurement<long>[])[new(Volatile.Read(ref _rotated), [new("use", "rotated")]), new(Volatile.Read(ref _repeated), [new("use", "repeated")])], "{use}", "Refresh tokens used: rotated, or repeated with the same successor within the leeway.");
        _meter.CreateObservableCounter("identityserver.grants.reused", () => Volatile.Read(ref _reused), "{grant}", "Grants revoked because a spent refresh token came back.");
        _hashQueue = _meter.CreateUpDownCounter<int>("identityserver.hashing.queue", "{request}", "Passwords and client secrets that wait to be hashed.");
        _hashWait = Seconds("identityserver.hashing.wait", "Time that a password or client secret waited to be hashed.", [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]);
        _hashesRefused = _meter.CreateCounter<long>("identityserver.hashing.refused", "{request}", "Passwords and client secrets that were not hashed because too many waited.");
        _feedLag = Seconds("identityserver.feed.lag", "Time from a revocation to this node's knowing of it.", [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30]);
        _pruned = _meter.CreateCounter<long>("identityserver.pruned", "{row}", "Rows deleted because they can neither be used again nor need be remembered.");
        _outboxSent = _meter.CreateCounter<long>("identityserver.outbox.sent", "{message}", "Messages sent, by kind.");
        _outboxFailed = _meter.CreateCounter<long>("identityserver.outbox.failed", "{attempt}", "Failed attempts to send a message that will be retried, by kind.");
        _meter.CreateObservableCounter("identityserver.outbox.dropped", () => Volatile.Read(ref _outboxDropped), "{message}", "Messages given up: expired, or refused by the receiver.");
        _meter.CreateObservableGauge("identityserver.outbox.depth", () => Volatile.Read(ref _outboxDepth), "{message}", "Messages waiting to be sent, on all nodes, counted up to 10,000.");
    }

    /// <summary>Whether a request's outcome is asked for.</summary>
    public bool CountsRequests => _requests.Enabled;

    /// <param name="route">The route's pattern, not the path.</param>
    /// <param name="outcome">An error code, <c>ok</c>, or what <see cref="RequestOutcomes"/> says of a request without either.</param>
    public void Answered(string route, string outcome) => _requests.Add(1, new("http.route", route), new("outcome", outcome));

    /// <summary>Counts what a grant said, and passes it on.</summary>
    /// <param name="grantType">One that the server knows.</param>
    public Result<T> Granted<T>(string grantType, Result<T> answer)
        where T : class
    {
        if (answer.IsRefused)
            Refused(grantType, answer.Error);
        else
            _issued.Add(1, new KeyValuePair<string, object?>("grant_type", grantType));
        return answer;
    }

    /// <summary>A sign-in was written.</summary>
    public void GrantIssued() => Interlocked.Increment(ref _grants);

    /// <summary>A refresh token was used and has a successor.</summary>
    public void Rotated() => Interlocked.Increment(ref _rotated);

    /// <summary>The response of a rotation was asked for again, within the leeway.</summary>
    public void Repeated() => Interlocked.Increment(ref _repeated);

    /// <summary>A refresh token that was spent before came back, and its grant is revoked.</summary>
    public void Reused() => Interlocked.Increment(ref _reused);

    /// <param name="change">1 for one that begins to wait, -1 for one that ends.</param>
    public void HashingQueued(string gate, int change) => _hashQueue.Add(change, Gate(gate));

    /// <summary>When a check comes to the gate; null when nobody wants to know.</summary>
    public long? HashingAsked() => _hashWait.Enabled ? _time.GetTimestamp() : null;

    /// <param name="asked">What <see cref="HashingAsked"/> said.</param>
    public void HashingEntered(string gate, long? asked)
    {
        if (asked is { } at)
            _hashWait.Record(_time.GetElapsedTime(at).TotalSeconds, Gate(gate));
    }

    public void HashingRefused(string gate) => _hashesRefused.Add(1, Gate(gate));

    /// <param name="lastBeat">The timestamp of the last look at the database that succeeded; null before the first.</param>
    public void WatchSnapshot(Func<long?> lastBeat) =>
        _meter.CreateObservableGauge("identityserver.snapshot.age", () => lastBeat() is { } at ? [new(_time.GetElapsedTime(at).TotalSeconds)] : Array.Empty<Measurement<double>>(),
            "s", "How old this node's knowledge of configuration and revocations is.");

    /// <summary>This node heard of a revocation. Clocks of two nodes may differ: what is ahead of ours counts as at once.</summary>
    public void RevocationLearned(DateTimeOffset at)
    {
        if (_feedLag.Enabled)
            _feedLag.Record(Math.Max(0, (_time.GetUtcNow() - at).TotalSeconds));
    }

    /// <param name="what">The table.</param>
    public void Pruned(string what, long rows) => _pruned.Add(rows, new KeyValuePair<string, object?>("what", what));

    /// <param name="kind">One of the few kinds of messages.</param>
    public void OutboxSent(string kind) => _outboxSent.Add(1, new KeyValuePair<string, object?>("kind", kind));

    /// <summary>An attempt failed, and there will be another.</summary>
    public void OutboxFailed(string kind) => _outboxFailed.Add(1, new KeyValuePair<string, object?>("kind", kind));

    /// <summary>A message was given up.</summary>
    public void OutboxDropped() => Interlocked.Increment(ref _outboxDropped);

    public void OutboxHolds(long messages) => Volatile.Write(ref _outboxDepth, messages);

    private static KeyValuePair<string, object?> Gate(string gate) => new("gate", gate);

    private void Refused(string grantType, OAuthError error)
    {
        if (_refused.Enabled)
            _refused.Add(1, new("grant_type", grantType), new("reason", _reasons.Value.GetValueOrDefault(error.Description, error.Code)));
    }

    private Histogram<double> Seconds(string name, string description, double[] bounds) =>
        _meter.CreateHistogram(name, "s", description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });

    private static FrozenDictionary<string, string> ReadReasons() => typeof(Errors).GetFields(BindingFlags.Public | BindingFlags.Static)
        .ToFrozenDictionary(field => ((OAuthError)field.GetValue(null)!).Description, field => JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Name));
}
