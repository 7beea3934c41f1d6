using System.Diagnostics;
using System.Net;

namespace Benchmarks.Driver.Jobs;

/// <summary>From the start of the process, the database up and migrated, to the first good discovery document; and the memory that an idle server holds.</summary>
internal static class Start
{
    public static async Task RunAsync(Bench bench, CancellationToken cancellationToken)
    {
        List<(double Seconds, double Memory, double Own)> rounds = [];
        for (var round = 0; round < Math.Max(3, bench.Options.Rounds); round++)
        {
            var start = Stopwatch.GetTimestamp();
            var server = bench.Lab.StartWithoutProbe("IdentityServer", bench.Lab.ServerSettings(bench.Database.Name, bench.Lab.Issuer));
            await FirstAnswerAsync(server, cancellationToken);
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            await Task.Delay(TimeSpan.FromSeconds(3), cancellationToken);
            rounds.Add((seconds, server.Memory, server.OwnMemory));
            await bench.Lab.StopProgramsAsync();
        }
        bench.Add(Row.Limit("start to the first good discovery answer", Contest.Median(rounds, round => round.Seconds), 1, " s"));
        bench.Add(Row.Limit("memory, idle", Contest.Median(rounds, round => round.Memory), 130, " MB"));
        bench.Note(FormattableString.Invariant($"{Contest.Median(rounds, round => round.Own):0} MB of it are its own; the rest are pages of the runtime's and the libraries' files"));
    }

    private static async Task FirstAnswerAsync(MeasuredProgram server, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = server.Address };
        while (true)
        {
            try
            {
                using var response = await http.GetAsync(new Uri("/.well-known/openid-configuration", UriKind.Relative), cancellationToken);
                if (response.StatusCode == HttpStatusCode.OK && (await response.Content.ReadAsStringAsync(cancellationToken)).Contains("token_endpoint", StringComparison.Ordinal))
                    return;
            }
            catch (HttpRequestException) when (!server.HasExited)
            {
                // Not up yet.
            }
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellationToken);
        }
    }
}
