namespace Benchmarks.Driver;

/// <summary>One line of the table.</summary>
/// <param name="Floor">What it is measured against.</param>
/// <param name="Ratio">Ours divided by the floor; for a limit, ours.</param>
/// <param name="IsLimit">The target is the most that may be, not the least.</param>
/// <param name="Unit">Of floor and ours.</param>
internal sealed record Row(
    string Job, int? Connections, double Floor, double Ours, double Ratio, double? Target, bool IsLimit, string Unit, Sample? Figures = null,
    double IdleMemory = double.NaN, double Memory = double.NaN)
{
    /// <summary>The floors' cost of a request.</summary>
    public Sample? FloorFigures { get; init; }

    /// <summary>The server's CPU for a request: the floor's to ours.</summary>
    public double CpuRatio { get; init; } = double.NaN;

    /// <summary>The target is one of CPU; what is said of rates stands beside it.</summary>
    public bool IsByCpu { get; init; }

    /// <summary>What is held against the target.</summary>
    public double Judged => IsByCpu ? CpuRatio : Ratio;

    /// <param name="allowance">The share of a target that is enough; noise is allowed for in CI.</param>
    public bool IsMet(double allowance) =>
        (Figures?.Wrong ?? 0) == 0 && (Target is not { } target || (IsLimit ? Judged <= target / allowance : Judged >= target * allowance));

    public static Row Limit(string job, double value, double limit, string unit) =>
        new(job, null, double.NaN, value, value, limit, IsLimit: true, unit);
}
