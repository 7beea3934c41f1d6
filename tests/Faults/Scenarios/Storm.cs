using System.Diagnostics;
using System.Globalization;

namespace Faults.Scenarios;

/// <summary>
/// Sign-ins, right and wrong, at ten times what the machine can hash. Those past the queue get 503 with
/// <c>Retry-After</c>; refreshes hardly notice; memory stays flat.
/// </summary>
internal static class Storm
{
    private const string Password = "a long enough password";
    private const int Users = 20;

    /// <summary>
    /// Milliseconds. If a quiet refresh takes two or three, any busy neighbour on the core can double that, hashes or
    /// not; a storm that gets past its gate costs tens or hundreds.
    /// </summary>
    private const double Unnoticed = 10;

    /// <summary>How long a storm lasts before its effect is measured.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(0.5);

    public static async Task RunAsync(Lab lab, Tally tally, Options options)
    {
        await using var world = await World.OpenAsync(lab, tally, new WorldSettings
        {
            Servers = 1, Apis = 0,
            // Hashes cost as much as when deployed. The storm's wrong passwords must not lock its users out.
            // The database shares the machine, so a core is left to it (docs/operations.md).
            Server =
            {
                ["Password__Iterations"] = null,
                ["Lockout__MaxFailures"] = "1000",
                // So that the queue is soon empty again between two storms.
                ["Password__QueueTimeout"] = "2",
                ["Password__Parallelism"] = Math.Max(1, Environment.ProcessorCount - 1).ToString(CultureInfo.InvariantCulture),
            },
        });
        var server = world.Servers[0];
        var client = new Client(tally);
        List<string> tokens = [];
        for (var user = 0; user < Users; user++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"storm{user}");
            if (await client.SendAsync("register", world.Servers, 0, () => Requests.Register(name, Password), 201) is null
                || await client.SendAsync("password", world.Servers, 0, () => Requests.Password(name, Password), 200) is not { } signedIn)
                return;
            tokens.Add(signedIn.Text("refresh_token"));
        }

        var capacity = await CapacityAsync(server);
        var window = TimeSpan.FromSeconds(options.Pick(3, 5));
        await RefreshAsync(server, tally, tokens, TimeSpan.FromSeconds(2));
        // The first storm causes one-time growth: pools, queues, the heap.
        await StormAsync(server, tally, 10 * capacity, TimeSpan.FromSeconds(3));
        var before = MemoryOf(world.ServerNodes[0].Id);
        // In turn, so that whatever else the machine does affects both alike; the median of each counts.
        List<double> quiets = [], storms = [];
        var (right, wrong, refused) = (0, 0, 0);
        for (var round = 0; round < options.Pick(3, 9); round++)
        {
            quiets.Add(await RefreshAsync(server, tally, tokens, window));
            var storming = StormAsync(server, tally, 10 * capacity, window + Ahead);
            await Task.Delay(Ahead);
            storms.Add(await RefreshAsync(server, tally, tokens, window));
            var told = await storming;
            (right, wrong, refused) = (right + told.Right, wrong + told.Wrong, refused + told.Refused);
        }
        var (quiet, stormy) = (Median(quiets), Median(storms));
        var after = MemoryOf(world.ServerNodes[0].Id);

        tally.Rounds = storms.Count;
        tally.Note(string.Create(CultureInfo.InvariantCulture,
            $"{capacity:0} sign-ins/s can be hashed; of ten times as many {right} were let in, {wrong} refused for their password, {refused} put off with 503"));
        tally.Note(string.Create(CultureInfo.InvariantCulture, $"refresh p99 {quiet:0.0} ms quiet ({Each(quiets)}), {stormy:0.0} ms in the storm ({Each(storms)}); memory {before:0} MB before, {after:0} MB after"));
        tally.Require(refused > 0, "sign-ins past the queue get 503");
        tally.Require(right > 0 && wrong > 0, "sign-ins within the queue are judged");
        tally.Require(stormy < Math.Max(2 * quiet, Unnoticed), "p99 of refresh stays under twice its quiet value, or under 10 ms");
        tally.Require(after < before * 1.2 + 10, "memory stays flat");
    }

    /// <summary>Sign-ins per second that can be hashed.</summary>
    private static async Task<double> CapacityAsync(Target server)
    {
        var start = Stopwatch.GetTimestamp();
        var count = 0;
        await Task.WhenAll(Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(async n =>
        {
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < 2)
            {
                await server.AskAsync(Requests.Password($"storm{n.ToString(CultureInfo.InvariantCulture)}", Password));
                Interlocked.Increment(ref count);
            }
        }));
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Sends on time, whether or not earlier ones are answered.</summary>
    private static async Task<(int Right, int Wrong, int Refused)> StormAsync(Target server, Tally tally, double rate, TimeSpan time)
    {
        var (right, wrong, refused) = (0, 0, 0);
        List<Task> sent = [];
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) is var elapsed && elapsed < time)
        {
            while (sent.Count < elapsed.TotalSeconds * rate)
                sent.Add(OneAsync(sent.Count));
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
        await Task.WhenAll(sent);
        return (right, wrong, refused);

        async Task OneAsync(int n)
        {
            var isRight = n % 2 == 0;
            var answer = await server.AskAsync(Requests.Password($"storm{(n % Users).ToString(CultureInfo.InvariantCulture)}", isRight ? Password : "a wrong password"));
            if (answer.IsRefusal)
                Interlocked.Increment(ref refused);
            else if (isRight && answer.Status == 200)
                Interlocked.Increment(ref right);
            else if (!isRight && answer.Status == 400)
                Interlocked.Increment(ref wrong);
            else
                tally.Wrong(string.Create(CultureInfo.InvariantCulture, $"a {(isRight ? "right" : "wrong")} password: {answer.Status} {answer.Code}"));
        }
    }

    /// <summary>Milliseconds that 99 of 100 refreshes stay under, forty a second.</summary>
    private static async Task<double> RefreshAsync(Target server, Tally tally, List<string> tokens, TimeSpan time)
    {
        List<double> times = [];
        var start = Stopwatch.GetTimestamp();
        for (var n = 0; Stopwatch.GetElapsedTime(start) < time; n++)
        {
            var asked = Stopwatch.GetTimestamp();
            var answer = await server.AskAsync(Requests.Refresh(Requests.ClientId, tokens[n % tokens.Count]));
            times.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
            if (answer.Status != 200)
            {
                tally.Wrong(string.Create(CultureInfo.InvariantCulture, $"refresh: {answer.Status} {answer.Code}"));
                break;
            }
            tokens[n % tokens.Count] = answer.Text("refresh_token");
            tally.Acknowledge();
            await Task.Delay(TimeSpan.FromMilliseconds(25));
        }
        times.Sort();
        return times[(int)(times.Count * 0.99)];
    }

    private static double Median(IEnumerable<double> all) => all.Order().ElementAt(all.Count() / 2);

    private static string Each(IEnumerable<double> all) => string.Join(", ", all.Select(one => one.ToString("0.0", CultureInfo.InvariantCulture)));

    private static double MemoryOf(int pid) => ProcessFigures.MemoryOf(pid);
}
