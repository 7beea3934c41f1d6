using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Observability;

/// <summary>
/// Hears the program's instruments and keeps their sums, for one who comes and reads them. A measurement is a look-up and
/// an addition, without allocation once its labels have been seen.
/// </summary>
internal sealed partial class MetricsCollector : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly Lock _reading = new();
    private readonly HashSet<string> _heard;
    private readonly IMeterFactory _meters;
    private readonly ILogger _log;

    /// <param name="meters">Of this program: of meters that another host in the process made, nothing is heard.</param>
    /// <param name="heard">The names of the meters.</param>
    public MetricsCollector(IMeterFactory meters, string[] heard, ILogger<MetricsCollector> log)
    {
        (_meters, _heard, _log) = (meters, [.. heard], log);
        _listener.InstrumentPublished = Meet;
        _listener.SetMeasurementEventCallback<int>(static (_, value, labels, family) => ((MetricFamily)family!).Take(value, labels));
        _listener.SetMeasurementEventCallback<long>(static (_, value, labels, family) => ((MetricFamily)family!).Take(value, labels));
        _listener.SetMeasurementEventCallback<double>(static (_, value, labels, family) => ((MetricFamily)family!).Take(value, labels));
    }

    /// <summary>From here on measurements count.</summary>
    public void Start() => _listener.Start();

    /// <summary>All that is known, in Prometheus' text format.</summary>
    public string Read()
    {
        // One reader at a time: the observed ones are taken anew for each.
        lock (_reading)
        {
            MetricFamily[] families;
            lock (_families)
                families = [.. _families.Values];
            foreach (var family in families)
                family.ForgetObserved();
            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException unobservable)
            {
                // One gauge that can't be read takes no other along.
                LogUnobservable(unobservable);
            }
            var text = new StringBuilder(32 * 1024);
            foreach (var family in families)
                PrometheusText.Write(text, family);
            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Meet(Instrument instrument, MeterListener listener)
    {
        var meter = instrument.Meter;
        if (!_heard.Contains(meter.Name) || (meter.Scope is IMeterFactory && !ReferenceEquals(meter.Scope, _meters)))
            return;
        if (MetricFamily.Of(instrument) is not { } family)
            return;
        lock (_families)
        {
            if (!_families.TryAdd(family.Name, family))
                family = _families[family.Name];
        }
        listener.EnableMeasurementEvents(instrument, family);
    }

    [LoggerMessage(5000, LogLevel.Warning, "Some metrics could not be observed")]
    private partial void LogUnobservable(Exception fault);
}
