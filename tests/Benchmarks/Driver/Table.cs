using System.Globalization;

namespace Benchmarks.Driver;

/// <summary>The table as Markdown, as docs/performance.md shows it.</summary>
internal static class Table
{
    public const string Head =
        "| job | connections | floor | ours | ratio | CPU ratio | target | p50 ms | p99 ms | wrong | server µs (floor) | PostgreSQL µs (floor) | statements (floor) | bytes | MB before, after | what bounds it |\n" +
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";

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
            double.IsNaN(row.CpuRatio) ? "" : Ratio(row.CpuRatio),
            Target(row),
            Number(figures?.P50), Number(figures?.P99), figures?.Wrong.ToString(CultureInfo.InvariantCulture) ?? "",
            Beside(figures?.ServerCpu, row.FloorFigures?.ServerCpu), Beside(figures?.DatabaseCpu, row.FloorFigures?.DatabaseCpu),
            Beside(figures?.Statements, row.FloorFigures?.Statements), Number(figures?.Allocated),
            double.IsNaN(row.Memory) ? "" : $"{Number(row.IdleMemory)}, {Number(row.Memory)}",
            // Written by hand, from a profile.
            "",
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

    private static string Target(Row row)
    {
        if (row.Target is not { } target)
            return "";
        var text = row.IsLimit && double.IsNaN(row.Floor) ? Number(target) + row.Unit : Ratio(target);
        return (row.IsLimit ? "≤ " : "≥ ") + text + (row.IsByCpu ? " CPU" : "") + (row.IsMet(1) ? " ✓" : " ✗");
    }

    private static string Beside(double? ours, double? floor) =>
        floor is null or double.NaN ? Number(ours) : $"{Number(ours)} ({Number(floor)})";

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
