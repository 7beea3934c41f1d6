using System.Globalization;

namespace Benchmarks.Driver;

/// <summary>
/// Grants that were added together. Their ids are UUID v7 of one moment that count up in decimal digits, so that C#,
/// SQL and pgbench, which can't write hexadecimal, can all name them.
/// </summary>
internal sealed record GrantBatch(DateTimeOffset At, int Number, int Count)
{
    private string Prefix { get; } = string.Create(CultureInfo.InvariantCulture, $"{At.ToUnixTimeMilliseconds():x12}7{Number:D3}8");

    public Guid Id(int n) => Guid.ParseExact(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{n:D15}"), "N");

    /// <summary>The same as an expression of SQL.</summary>
    public string IdOf(string n) => $"('{Prefix}' || lpad(({n})::text, 15, '0'))::uuid";
}
