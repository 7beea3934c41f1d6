using System.Globalization;
using System.Text;

namespace Observability;

/// <summary>
/// Prometheus' text format, version 0.0.4, and its names for OpenTelemetry's: <c>http.server.request.duration</c> in
/// <c>s</c> is <c>http_server_request_duration_seconds</c>.
/// </summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>An instrument that has not been used yet tells its name and type alone.</summary>
    public static void Write(StringBuilder text, MetricFamily family)
    {
        text.Append("# HELP ").Append(family.Name).Append(' ').Append(family.Help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n');
        text.Append("# TYPE ").Append(family.Name).Append(' ').Append(family.Kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        }).Append('\n');
        foreach (var series in family.Series)
        {
            if (family.Kind == MetricKind.Histogram)
                WriteHistogram(text, family, series);
            else
                WriteSample(text, family.Name, "", series.Labels, null, series.Value);
        }
    }

    public static string NameOf(string name, string? unit, MetricKind kind)
    {
        var written = Plain(name);
        var suffix = unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            "1" when kind == MetricKind.Gauge => "_ratio",
            _ => "",
        };
        if (!written.EndsWith(suffix, StringComparison.Ordinal))
            written += suffix;
        return kind == MetricKind.Counter && !written.EndsWith("_total", StringComparison.Ordinal) ? written + "_total" : written;
    }

    public static string LabelsOf(KeyValuePair<string, object?>[] labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            // Empty and absent are one to Prometheus.
            if (value is null or "")
                continue;
            text.Append(text.Length > 0 ? "," : "").Append(Plain(name)).Append("=\"");
            foreach (var c in value is bool flag ? (flag ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
                _ = c switch { '\\' => text.Append("\\\\"), '"' => text.Append("\\\""), '\n' => text.Append("\\n"), _ => text.Append(c) };
            text.Append('"');
        }
        return text.ToString();
    }

    private static void WriteHistogram(StringBuilder text, MetricFamily family, MetricSeries series)
    {
        long count = 0;
        for (var bucket = 0; bucket <= family.Bounds.Length; bucket++)
        {
            count += series.InBucket(bucket);
            WriteSample(text, family.Name, "_bucket", series.Labels, bucket < family.Bounds.Length ? family.Bounds[bucket] : double.PositiveInfinity, count);
        }
        WriteSample(text, family.Name, "_sum", series.Labels, null, series.Value);
        // Not counted apart: it must equal the last bucket although others count meanwhile.
        WriteSample(text, family.Name, "_count", series.Labels, null, count);
    }

    private static void WriteSample(StringBuilder text, string name, string suffix, string labels, double? bound, double value)
    {
        text.Append(name).Append(suffix);
        if (labels.Length > 0 || bound is not null)
        {
            text.Append('{').Append(labels);
            if (bound is { } le)
                text.Append(labels.Length > 0 ? "," : "").Append("le=\"").Append(Number(le)).Append('"');
            text.Append('}');
        }
        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string Plain(string name)
    {
        var text = new StringBuilder(name.Length + 1);
        foreach (var c in name)
            text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        return char.IsAsciiDigit(text[0]) ? "_" + text : text.ToString();
    }
}
