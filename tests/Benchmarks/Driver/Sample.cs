namespace Benchmarks.Driver;

/// <summary>One measurement of a few seconds.</summary>
/// <param name="Rate">Requests, or transactions, a second.</param>
/// <param name="P50">Milliseconds.</param>
/// <param name="ServerCpu">Microseconds of a core for each request.</param>
/// <param name="DatabaseCpu">The same, of PostgreSQL.</param>
/// <param name="Allocated">Bytes of managed memory for each request.</param>
/// <param name="Statements">Statements, commits among them, that PostgreSQL ran for each request: round trips.</param>
internal sealed record Sample(
    double Rate, double P50 = double.NaN, double P99 = double.NaN, long Wrong = 0, long Requests = 0,
    double ServerCpu = double.NaN, double DatabaseCpu = double.NaN, double Allocated = double.NaN, double Statements = double.NaN);

/// <summary>Loads something for some seconds over so many connections.</summary>
internal delegate Task<Sample> Measurement(int connections, int seconds, CancellationToken cancellationToken);
