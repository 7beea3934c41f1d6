using System.Diagnostics.Metrics;
using IdentityServer.Protocol;
using IdentityServer.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Observability;
using Xunit;

namespace IdentityServer.Tests.Telemetry;

/// <summary>The small keeper and writer of metrics: its bounds, its text, its cost.</summary>
public sealed class CollectorTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public void Dispose() => _services.Dispose();

    private IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    private MetricsCollector Start(IMeterFactory? meters = null)
    {
        var collector = new MetricsCollector(meters ?? Meters, ["test", ServerMetrics.MeterName], NullLogger<MetricsCollector>.Instance);
        collector.Start();
        return collector;
    }

    [Fact]
    public void Past_its_bound_of_series_an_instrument_counts_the_rest_together()
    {
        using var collector = Start();
        var counter = Meters.Create("test").CreateCounter<long>("things");
        for (var i = 0; i < 10_000; i++)
            counter.Add(1, new KeyValuePair<string, object?>("id", i));

        var metrics = Exposition.Parse(collector.Read());

        Assert.Equal(MetricFamily.MostSeries + 1, metrics.Samples.Count);
        Assert.Equal(10_000 - MetricFamily.MostSeries, metrics["""things_total{otel_metric_overflow="true"}"""]);
    }

    [Fact]
    public void Labels_and_help_are_escaped_and_their_order_does_not_matter()
    {
        using var collector = Start();
        var counter = Meters.Create("test").CreateCounter<long>("odd.things", null, "Of \\ and\nnew lines.");
        counter.Add(1, new("a.b", "quote \" slash \\ line \n end"), new("2nd", true), new("none", null));
        counter.Add(2, new("none", null), new("2nd", true), new("a.b", "quote \" slash \\ line \n end"));

        var text = collector.Read();

        Assert.Contains("# HELP odd_things_total Of \\\\ and\\nnew lines.\n", text, StringComparison.Ordinal);
        Assert.Equal(3, Exposition.Parse(text)["""odd_things_total{a_b="quote \" slash \\ line \n end",_2nd="true"}"""]);
    }

    [Fact]
    public void A_histogram_has_the_buckets_that_its_instrument_advises()
    {
        using var collector = Start();
        var histogram = Meters.Create("test").CreateHistogram("took", "s", null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (var seconds in (double[])[0.05, 0.1, 0.5, 7, double.PositiveInfinity])
            histogram.Record(seconds);

        var metrics = Exposition.Parse(collector.Read());

        Assert.Equal("histogram", metrics.Types["took_seconds"]);
        Assert.Equal(2, metrics["""took_seconds_bucket{le="0.1"}"""]);
        Assert.Equal(3, metrics["""took_seconds_bucket{le="1"}"""]);
        Assert.Equal(5, metrics["""took_seconds_bucket{le="+Inf"}"""]);
        Assert.Equal(5, metrics["took_seconds_count"]);
        Assert.Equal(double.PositiveInfinity, metrics["took_seconds_sum"]);
    }

    [Fact]
    public void What_is_observed_no_longer_is_gone_and_one_that_cant_be_takes_no_other_along()
    {
        using var collector = Start();
        var pools = new List<Measurement<long>> { new(3, new KeyValuePair<string, object?>("pool", "a")) };
        var meter = Meters.Create("test");
        meter.CreateObservableGauge("broken", int () => throw new InvalidOperationException("away"));
        meter.CreateObservableUpDownCounter("used", () => pools);
        Assert.Equal(3, Exposition.Parse(collector.Read()).Samples["""used{pool="a"}"""]);
        Assert.Equal(3, Exposition.Parse(collector.Read()).Samples["""used{pool="a"}"""]);

        pools.Clear();

        Assert.Empty(Exposition.Parse(collector.Read()).Samples);
    }

    [Fact]
    public void Another_programs_meters_in_the_same_process_are_not_heard()
    {
        using var other = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var collector = Start();
        other.GetRequiredService<IMeterFactory>().Create("test").CreateCounter<long>("things").Add(1);
        Meters.Create("unheard").CreateCounter<long>("others").Add(1);

        Assert.Empty(collector.Read());
    }

    [Fact]
    public async Task Many_at_once_lose_no_count()
    {
        using var collector = Start();
        var meter = Meters.Create("test");
        var (counter, histogram) = (meter.CreateCounter<long>("things"), meter.CreateHistogram<double>("took"));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 50_000; i++)
            {
                counter.Add(1, new KeyValuePair<string, object?>("a", "b"));
                histogram.Record(0.5);
            }
        })));

        var metrics = Exposition.Parse(collector.Read());

        Assert.Equal(200_000, metrics["""things_total{a="b"}"""]);
        Assert.Equal(200_000, metrics["took_count"]);
        Assert.Equal(100_000, metrics["took_sum"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void To_count_allocates_nothing_whether_somebody_listens_or_not(bool isHeard)
    {
        using var collector = isHeard ? Start() : null;
        var metrics = new ServerMetrics(Meters, TimeProvider.System);
        Result<string> granted = "token", refused = Errors.RefreshTokenRefused;
        Count();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
            Count();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(isHeard, collector?.Read().Contains("identityserver_requests_total{", StringComparison.Ordinal) ?? false);

        void Count()
        {
            metrics.Answered("/connect/token", "ok");
            metrics.Granted("refresh_token", granted);
            metrics.Granted("refresh_token", refused);
            metrics.GrantIssued();
            metrics.Rotated();
            metrics.HashingQueued("passwords", 1);
            metrics.HashingEntered("passwords", metrics.HashingAsked());
        }
    }

    [Fact]
    public void Every_refusal_of_the_catalogue_has_a_reason_of_its_own_in_the_metrics()
    {
        using var collector = Start();
        var metrics = new ServerMetrics(Meters, TimeProvider.System);
        var errors = typeof(Errors).GetFields().Select(field => field.GetValue(null)).OfType<OAuthError>().ToList();
        foreach (var error in errors)
            metrics.Granted<string>("password", error with { RetryAfter = TimeSpan.FromSeconds(7) });

        var counted = Exposition.Parse(collector.Read()).Samples.Where(sample => sample.Key.StartsWith("identityserver_tokens_refused_total", StringComparison.Ordinal)).ToList();

        Assert.Equal(errors.Count, counted.Count);
        Assert.All(counted, sample => Assert.Equal(1, sample.Value));
    }
}
