namespace Observability;

/// <summary>The numbers of one set of labels. Written by many at once, without a lock.</summary>
internal sealed class MetricSeries(KeyValuePair<string, object?>[] labels, double[] bounds)
{
    // One more for what is past the last bound.
    private readonly long[] _buckets = new long[bounds.Length == 0 ? 0 : bounds.Length + 1];
    private double _value;

    /// <summary>As they are written between the braces; empty when there are none.</summary>
    public string Labels { get; } = PrometheusText.LabelsOf(labels);

    /// <summary>Of a histogram: the sum of what was recorded.</summary>
    public double Value => Volatile.Read(ref _value);

    /// <summary>Each measurement in one bucket: sum them up for Prometheus' cumulative ones.</summary>
    public long InBucket(int bucket) => Volatile.Read(ref _buckets[bucket]);

    public void Set(double value) => Volatile.Write(ref _value, value);

    public void Add(double value)
    {
        double before, seen = Volatile.Read(ref _value);
        do
        {
            before = seen;
            seen = Interlocked.CompareExchange(ref _value, before + value, before);
        }
        // Not ==: a sum that has become NaN would be tried for ever.
        while (!seen.Equals(before));
    }

    public void Record(double value)
    {
        var bucket = 0;
        while (bucket < bounds.Length && !(value <= bounds[bucket]))
            bucket++;
        Interlocked.Increment(ref _buckets[bucket]);
        Add(value);
    }
}
