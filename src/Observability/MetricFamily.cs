using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Observability;

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>An instrument under its Prometheus name, with a series for each set of labels.</summary>
internal sealed class MetricFamily
{
    /// <summary>Past so many sets of labels the others are counted together: a scrape has a bound, whatever callers send.</summary>
    public const int MostSeries = 256;

    // OpenTelemetry's name for it.
    private static readonly KeyValuePair<string, object?>[] Others = [new("otel.metric.overflow", true)];

    // OpenTelemetry's own, for seconds; what an instrument advises counts first.
    private static readonly double[] StandardBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[], MetricSeries> _series = new(LabelComparer.Instance);
    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[], MetricSeries>.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> _find;
    private readonly bool _isObserved;
    private readonly bool _isSet;

    private MetricFamily(Instrument instrument, MetricKind kind, bool isSet)
    {
        (Kind, _isSet, _isObserved) = (kind, isSet || instrument.IsObservable, instrument.IsObservable);
        Name = PrometheusText.NameOf(instrument.Name, instrument.Unit, kind);
        Help = instrument.Description is { Length: > 0 } described ? described : instrument.Name;
        Bounds = kind == MetricKind.Histogram ? BoundsOf(instrument) : [];
        _find = _series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
    }

    public string Name { get; }
    public string Help { get; }
    public MetricKind Kind { get; }

    /// <summary>The upper bounds of a histogram's buckets, without infinity.</summary>
    public double[] Bounds { get; }

    public IEnumerable<MetricSeries> Series => _series.Values;

    /// <summary>Null for a kind of instrument that we don't know.</summary>
    public static MetricFamily? Of(Instrument instrument)
    {
        var type = instrument.GetType();
        var kind = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
        if (kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>))
            return new(instrument, MetricKind.Counter, isSet: false);
        if (kind == typeof(UpDownCounter<>) || kind == typeof(ObservableUpDownCounter<>))
            return new(instrument, MetricKind.Gauge, isSet: false);
        if (kind == typeof(Gauge<>) || kind == typeof(ObservableGauge<>))
            return new(instrument, MetricKind.Gauge, isSet: true);
        return kind == typeof(Histogram<>) ? new(instrument, MetricKind.Histogram, isSet: false) : null;
    }

    public void Take(double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        if (!_find.TryGetValue(labels, out var series))
            series = _series.GetOrAdd(_series.Count < MostSeries ? labels.ToArray() : Others, static (labels, family) => new MetricSeries(labels, family.Bounds), this);
        if (Kind == MetricKind.Histogram)
            series.Record(value);
        else if (_isSet)
            series.Set(value);
        else
            series.Add(value);
    }

    /// <summary>What is observed is told whole each time; what is told no longer is gone, such as a pool that was closed.</summary>
    public void ForgetObserved()
    {
        if (_isObserved)
            _series.Clear();
    }

    private static double[] BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { Count: > 0 } bounds } => [.. bounds],
        Histogram<long> { Advice.HistogramBucketBoundaries: { Count: > 0 } bounds } => [.. bounds.Select(bound => (double)bound)],
        _ => StandardBounds,
    };

    /// <summary>The same labels in another order are the same series; a span of them is looked up without an array.</summary>
    private sealed class LabelComparer
        : IEqualityComparer<KeyValuePair<string, object?>[]>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, KeyValuePair<string, object?>[]>
    {
        public static readonly LabelComparer Instance = new();

        public bool Equals(KeyValuePair<string, object?>[]? x, KeyValuePair<string, object?>[]? y) => x is not null && y is not null && Equals(x.AsSpan(), y);

        public int GetHashCode(KeyValuePair<string, object?>[] obj) => GetHashCode(obj.AsSpan());

        public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate) => alternate.ToArray();

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, KeyValuePair<string, object?>[] other)
        {
            if (alternate.Length != other.Length)
                return false;
            foreach (var label in alternate)
            {
                if (!Holds(other, label))
                    return false;
            }
            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
        {
            var hash = alternate.Length;
            foreach (var label in alternate)
                hash += HashCode.Combine(label.Key, label.Value);
            return hash;
        }

        private static bool Holds(KeyValuePair<string, object?>[] labels, KeyValuePair<string, object?> sought)
        {
            foreach (var label in labels)
            {
                if (label.Key == sought.Key)
                    return Equals(label.Value, sought.Value);
            }
            return false;
        }
    }
}
