using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace IdentityServer.Tests.Telemetry;

/// <summary>One answer of <c>/metrics</c>, parsed strictly as text format 0.0.4; else the test fails.</summary>
internal sealed partial class Exposition
{
    private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _samples = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Types => _types;
    public IReadOnlyDictionary<string, double> Samples => _samples;

    /// <param name="sample">Name and labels as written; the value is 0 if it is missing.</param>
    public double this[string sample] => _samples.GetValueOrDefault(sample);

    public static Exposition Parse(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var parsed = new Exposition();
        string? family = null;
        foreach (var line in text.Split('\n')[..^1])
        {
            if (Help().Match(line) is { Success: true } help)
                Assert.Equal(family, help.Groups[1].Value);
            else if (Type().Match(line) is { Success: true } type)
            {
                family = type.Groups[1].Value;
                Assert.True(parsed._types.TryAdd(family, type.Groups[2].Value), $"{family} has two types.");
            }
            else
            {
                var sample = Sample().Match(line);
                Assert.True(sample.Success, $"No sample: {line}");
                var (name, labels) = (sample.Groups[1].Value, sample.Groups[2].Value is "{}" ? "" : sample.Groups[2].Value);
                string[] allowed = parsed._types[family!] == "histogram" ? [$"{family}_bucket", $"{family}_sum", $"{family}_count"] : [family!];
                Assert.Contains(name, allowed);
                Assert.True(parsed._types[family!] != "counter" || name.EndsWith("_total", StringComparison.Ordinal), $"A counter without _total: {name}");
                var value = sample.Groups[3].Value is "+Inf" ? double.PositiveInfinity : double.Parse(sample.Groups[3].Value, CultureInfo.InvariantCulture);
                var names = Label().Matches(labels).Select(label => label.Groups[1].Value).ToList();
                Assert.Equal(names.Count, names.Distinct().Count());
                Assert.True(parsed._samples.TryAdd(name + labels, value), $"Twice: {line}");
            }
        }
        parsed.CheckHistograms();
        return parsed;
    }

    /// <summary>What promtool says about it; null if it is not installed.</summary>
    public static async Task<(int Code, string[] Lines)?> AskPromtoolAsync(string text)
    {
        if (!File.Exists("/usr/bin/promtool"))
            return null;
        using var promtool = Process.Start(new ProcessStartInfo("/usr/bin/promtool", ["check", "metrics"]) { RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true })!;
        var (errors, output) = (promtool.StandardError.ReadToEndAsync(), promtool.StandardOutput.ReadToEndAsync());
        await promtool.StandardInput.WriteAsync(text);
        promtool.StandardInput.Close();
        await promtool.WaitForExitAsync();
        return (promtool.ExitCode, (await errors + await output).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private void CheckHistograms()
    {
        foreach (var (family, _) in _types.Where(type => type.Value == "histogram"))
        {
            foreach (var series in _samples.Where(sample => sample.Key.StartsWith(family + "_bucket{", StringComparison.Ordinal)).GroupBy(sample => Bound().Replace(sample.Key[(family.Length + 7)..], "")))
            {
                var buckets = series.Select(bucket => bucket.Value).ToList();
                Assert.Equal(buckets.Order(), buckets);
                Assert.EndsWith("le=\"+Inf\"}", series.Last().Key, StringComparison.Ordinal);
                Assert.Equal(buckets[^1], _samples[family + "_count" + (series.Key == "{}" ? "" : series.Key)]);
            }
        }
    }

    [GeneratedRegex("^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\\\]|\\\\\\\\|\\\\n)+$")]
    private static partial Regex Help();

    [GeneratedRegex("^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$")]
    private static partial Regex Type();

    [GeneratedRegex("""^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\\\|\\"|\\n)*",?)*(?<!,)\})? (\+Inf|-?[0-9.]+(?:E[+-][0-9]+)?)$""")]
    private static partial Regex Sample();

    [GeneratedRegex("""([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\\\|\\"|\\n)*"[,}]""")]
    private static partial Regex Label();

    [GeneratedRegex("""[,]?le="[^"]*"(?=\})""")]
    private static partial Regex Bound();
}
