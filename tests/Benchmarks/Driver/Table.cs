using System.Globalization;

namespace Benchmarks.Driver;

/// <summary>The table as Markdown, as docs/performance.md shows it.</summary>
internal static class Table
{
    public const string Head =
        "| job | connections | floor | ours | ratio | target | p50 ms | p99 ms | wrong | server µs | PostgreSQL µs | bytes | MB before, after |\n" +
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

    public static string Line(Row row)
    {
        var figures = row.Figures;
        string[] cells =
        [
            row.Job,
            row.Connections?.ToString(CultureInfo.InvariantCulture) ?? "",
            double.IsNaN(row.Floor) ? "" : Number(row.Floor) + row.Unit,
            Number(row.Ours) + row.Unit,
            row.IsLimit && double.IsNaN(row.Floor) ? "" : Ratio(row.Ratio),
            (row.IsLimit ? "≤ " : "≥ ") + (row.IsLimit && double.IsNaN(row.Floor) ? Number(row.Target) + row.Unit : Ratio(row.Target)) + (row.IsMet(1) ? " ✓" : " ✗"),
            Number(figures?.P50), Number(figures?.P99), figures?.Wrong.ToString(CultureInfo.InvariantCulture) ?? "",
            Number(figures?.ServerCpu), Number(figures?.DatabaseCpu), Number(figures?.Allocated),
            double.IsNaN(row.Memory) ? "" : $"{Number(row.IdleMemory)}, {Number(row.Memory)}",
        ];
        return "| " + string.Join(" | ", cells) + " |";
    }

    /// <summary>A floor's figures in words.</summary>
    public static string Describe(Sample sample)
    {
        var text = $"{Number(sample.Rate)}/s";
        if (!double.IsNaN(sample.P99))
            text += $", p50 {Number(sample.P50)} ms, p99 {Number(sample.P99)} ms";
        if (!double.IsNaN(sample.ServerCpu))
            text += $", server {Number(sample.ServerCpu)} µs, PostgreSQL {Number(sample.DatabaseCpu)} µs";
        return double.IsNaN(sample.Allocated) ? text : text + $", {Number(sample.Allocated)} bytes";
    }

    private static string Ratio(double ratio) =>
        ratio < 2 ? (ratio * 100).ToString("0", CultureInfo.InvariantCulture) + "%" : ratio.ToString("0.0", CultureInfo.InvariantCulture) + "×";

    private static string Number(double? figure) => figure switch
    {
        null or double.NaN => "",
        >= 100 or <= -100 => figure.Value.ToString("#,0", CultureInfo.InvariantCulture),
        >= 10 => figure.Value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => figure.Value.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
