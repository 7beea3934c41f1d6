using System.Globalization;
using System.Text.RegularExpressions;
using IdentityServer.Storage;
using Npgsql;

namespace Benchmarks.Driver;

/// <summary>
/// PostgreSQL's own load program with the statements of <see cref="GrantStore"/>, prepared: how many a second the
/// database could do with nothing in front of it.
/// </summary>
internal sealed partial class PgBench(Lab lab, BenchmarkDatabase database)
{
    private const int GrantsOfAClient = 100;

    /// <summary>What RequestConnections tells PostgreSQL too: else a plan made on an empty table scans it, and is compiled.</summary>
    private const string AsOurs = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

    /// <summary>Each client goes round its own grants; in the n-th round they have generation n.</summary>
    public async Task<Sample> RotateAsync(int connections, int seconds, CancellationToken cancellationToken)
    {
        var batch = await database.AddGrantsAsync(connections * GrantsOfAClient, cancellationToken);
        var values = new Dictionary<int, string>
        {
            [1] = batch.IdOf(":row"),
            [2] = ":generation",
            [3] = $"'{BenchmarkDatabase.ClientId}'",
            [4] = "'{}'::text[]",
            [5] = "now()",
            [6] = "interval '14 days'",
            [7] = "interval '18900 seconds'",
            [8] = "NULL::text",
            [9] = "'{}'::text[]",
            [10] = "NULL::text",
            // In pgbench a colon begins a variable.
            [11] = @"E'{data\072read,data\072write,offline_access}'::text[]",
        };
        var sample = await RunAsync(
            $"""
            \set row (:turn % {GrantsOfAClient}) * {connections} + :client_id
            \set generation :turn / {GrantsOfAClient}
            \set turn :turn + 1
            {Fill(GrantStore.SpendSql, values)};
            """, connections, seconds, cancellationToken);
        return await CheckedAsync(sample, "sum(generation)", batch, cancellationToken);
    }

    /// <summary>Each transaction ends another grant.</summary>
    public async Task<Sample> RevokeAsync(int connections, int seconds, CancellationToken cancellationToken)
    {
        const int ceiling = 40_000;
        var batch = await database.AddGrantsAsync(ceiling * seconds, cancellationToken);
        var values = new Dictionary<int, string> { [1] = batch.IdOf(":row"), [2] = "now()", [3] = $"'{BenchmarkDatabase.ClientId}'", [4] = "'grant_ended'", [5] = "inet '127.0.0.1'", [6] = "'revoked'" };
        var sample = await RunAsync(
            $"""
            \set row :turn * {connections} + :client_id
            \set turn :turn + 1
            {Fill(GrantStore.EndSql, values)};
            """, connections, seconds, cancellationToken);
        return await CheckedAsync(sample, "count(revoked_at)", batch, cancellationToken);
    }

    private async Task<Sample> RunAsync(string script, int connections, int seconds, CancellationToken cancellationToken)
    {
        var file = lab.NewFile(".sql");
        await File.WriteAllTextAsync(file, script, cancellationToken);
        var address = new NpgsqlConnectionStringBuilder(lab.ConnectionString(database.Name));
        string[] arguments =
        [
            "-h", address.Host!, "-p", Text(address.Port), "-U", address.Username!, "-n", "-M", "prepared", "-D", "turn=0",
            "-c", Text(connections), "-j", "1", "-T", Text(seconds), "-f", file, address.Database!,
        ];
        var environment = new Dictionary<string, string> { ["PGPASSWORD"] = address.Password ?? "", ["PGOPTIONS"] = AsOurs };
        var cpu = ProcessFigures.CpuOfPostgres(lab.Postmaster);
        var output = await Command.RunAsync("pgbench", arguments, environment, cancellationToken);
        cpu = ProcessFigures.CpuOfPostgres(lab.Postmaster) - cpu;
        var rate = Rate().Match(output);
        var processed = Processed().Match(output);
        if (!rate.Success || !processed.Success)
            throw new InvalidOperationException($"pgbench said no rate: {output}");
        var requests = long.Parse(processed.Groups[1].Value, CultureInfo.InvariantCulture);
        return new Sample(double.Parse(rate.Groups[1].Value, CultureInfo.InvariantCulture), Requests: requests, DatabaseCpu: cpu * 1e6 / requests, Statements: 1);
    }

    /// <summary>pgbench does not check whether a statement changed a row.</summary>
    private async Task<Sample> CheckedAsync(Sample sample, string changes, GrantBatch batch, CancellationToken cancellationToken)
    {
        var changed = await database.QueryAsync<long>($"SELECT {changes} FROM grants WHERE id BETWEEN '{batch.Id(0)}' AND '{batch.Id(batch.Count - 1)}'", cancellationToken);
        return sample with { Wrong = sample.Wrong + Math.Abs(sample.Requests - changed) };
    }

    private static string Fill(string sql, Dictionary<int, string> values) =>
        Parameter().Replace(sql, parameter => values[int.Parse(parameter.Groups[1].Value, CultureInfo.InvariantCulture)]).ReplaceLineEndings(" ");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\$(\d+)")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"tps = ([\d.]+) \(without")]
    private static partial Regex Rate();

    [GeneratedRegex(@"transactions actually processed: (\d+)")]
    private static partial Regex Processed();
}
