using System.Diagnostics.Metrics;
using IdentityServer.Protocol;
using IdentityServer.Telemetry;
using IdentityServer.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace IdentityServer.Tests.Telemetry;

/// <summary>How OpenTelemetry treats an instrument as we configure it: bounds, labels, cost.</summary>
public sealed class InstrumentTests
{
    private static Meter MeterOf(ServerUnderTest server) => server.Services.GetRequiredService<IMeterFactory>().Create(ServerMetrics.MeterName);

    [Fact]
    public async Task Beyond_its_limit_of_series_an_instrument_counts_the_rest_together()
    {
        await using var server = await ServerUnderTest.StartAsync(MetricsTests.OnAnyPort);
        var counter = MeterOf(server).CreateCounter<long>("things");
        for (var i = 0; i < 10_000; i++)
            counter.Add(1, new KeyValuePair<string, object?>("kind", i));

        var metrics = await MetricsTests.ScrapeAsync(server);

        var things = metrics.Samples.Where(sample => sample.Key.StartsWith("things_total", StringComparison.Ordinal)).ToList();
        Assert.InRange(things.Count, 2, ServiceDefaults.Telemetry.MaxSeries + 1);
        Assert.Equal(10_000 - (things.Count - 1), metrics["""things_total{otel_metric_overflow="true"}"""]);
    }

    [Fact]
    public async Task A_label_that_is_not_allowed_is_left_out()
    {
        await using var server = await ServerUnderTest.StartAsync(MetricsTests.OnAnyPort);
        MeterOf(server).CreateCounter<long>("things").Add(1, new("kind", "a"), new("user", "canary"));

        Assert.Equal(1, (await MetricsTests.ScrapeAsync(server))["""things_total{kind="a"}"""]);
    }

    [Fact]
    public async Task An_instrument_that_fails_does_not_affect_the_others()
    {
        await using var server = await ServerUnderTest.StartAsync(MetricsTests.OnAnyPort);
        MeterOf(server).CreateObservableGauge("broken", int () => throw new InvalidOperationException("away"));
        MeterOf(server).CreateObservableGauge("whole", () => 3);

        Assert.Equal(3, (await MetricsTests.ScrapeAsync(server))["whole"]);
    }

    [Fact]
    public async Task Another_hosts_meters_in_the_same_process_are_not_collected()
    {
        await using var other = new ServiceCollection().AddMetrics().BuildServiceProvider();
        await using var server = await ServerUnderTest.StartAsync(MetricsTests.OnAnyPort);
        other.GetRequiredService<IMeterFactory>().Create(ServerMetrics.MeterName).CreateCounter<long>("things").Add(1);
        MeterOf(server).CreateCounter<long>("heard").Add(1);

        var metrics = await MetricsTests.ScrapeAsync(server);

        Assert.Contains("heard_total", metrics.Types);
        Assert.DoesNotContain("things_total", metrics.Types);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Counting_allocates_nothing_whether_anybody_listens_or_not(bool isHeard)
    {
        await using var server = await ServerUnderTest.StartAsync(isHeard ? [MetricsTests.OnAnyPort] : []);
        var metrics = server.Services.GetRequiredService<ServerMetrics>();
        Result<string> granted = "token", refused = Errors.RefreshTokenRefused;
        Assert.Equal(isHeard, metrics.CountsRequests);
        Count();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
            Count();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

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
    public async Task Every_error_in_the_catalogue_has_its_own_reason_in_the_metrics()
    {
        await using var server = await ServerUnderTest.StartAsync(MetricsTests.OnAnyPort);
        var errors = typeof(Errors).GetFields().Select(field => field.GetValue(null)).OfType<OAuthError>().ToList();
        foreach (var error in errors)
            server.Services.GetRequiredService<ServerMetrics>().Granted<string>("password", error with { RetryAfter = TimeSpan.FromSeconds(7) });

        var counted = (await MetricsTests.ScrapeAsync(server)).Samples.Where(sample => sample.Key.StartsWith("identityserver_tokens_refused_total", StringComparison.Ordinal)).ToList();

        Assert.Equal(errors.Count, counted.Count);
        Assert.All(counted, sample => Assert.Equal(1, sample.Value));
    }
}
