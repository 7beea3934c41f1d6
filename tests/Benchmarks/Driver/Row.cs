namespace Benchmarks.Driver;

/// <summary>One line of the table.</summary>
/// <param name="Floor">What it is measured against.</param>
/// <param name="Ratio">Ours divided by the floor; for a limit, ours.</param>
/// <param name="IsLimit">The target is the most that may be, not the least.</param>
/// <param name="Unit">Of floor and ours.</param>
internal sealed record Row(
    string Job, int? Connections, double Floor, double Ours, double Ratio, double Target, bool IsLimit, string Unit, Sample? Figures = null,
    double IdleMemory = double.NaN, double Memory = double.NaN)
{
    /// <summary>The guard's own requirement, if the target is for a later release.</summary>
    public double? GuardFloor { get; init; }

    /// <param name="allowance">The share of a target that is enough; noise is allowed for in CI.</param>
    public bool IsMet(double allowance) =>
        (Figures?.Wrong ?? 0) == 0 && (IsLimit ? Ratio <= Target / allowance : Ratio >= Target * allowance);

    public bool IsMetByGuard(double allowance) => GuardFloor is { } floor ? (Figures?.Wrong ?? 0) == 0 && Ratio >= floor : IsMet(allowance);

    public static Row Limit(string job, double value, double limit, string unit) =>
        new(job, null, double.NaN, value, value, limit, IsLimit: true, unit);
}
