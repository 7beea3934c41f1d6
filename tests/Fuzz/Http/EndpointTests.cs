using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Fuzz.Inputs;
using Fuzz.Oracles;
using Testing;
using Xunit;

namespace Fuzz.Http;

/// <summary>
/// Hostile requests to every endpoint of both programs: no 5xx but the documented 503, every answer within a second, no
/// memory kept, nothing secret in a log; and afterwards both still work.
/// </summary>
public sealed class EndpointTests : IAsyncLifetime
{
    private const int Callers = 4;

    /// <summary>Requests on one session: lockouts and sign-outs end it sooner or later.</summary>
    private const int RequestsOfSession = 100;

    /// <summary>How much the programs may grow, including caches and the garbage collector's slack.</summary>
    private const long Growth = 96L * 1024 * 1024;

    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(1);

    private readonly Dictionary<int, int> _statuses = [];
    private Pair _pair = null!;
    private long _slowest;
    private int _unanswered;

    public async ValueTask InitializeAsync() => _pair = await Pair.StartAsync();

    public ValueTask DisposeAsync() => _pair?.DisposeAsync() ?? ValueTask.CompletedTask;

    [Fact]
    public async Task Every_documented_route_is_among_those_that_are_fuzzed()
    {
        using var http = new HttpClient();
        var paths = new List<string>();
        foreach (var (program, known) in new[] { (_pair.Identity, Generator.IdentityRoutes), (_pair.Api, Generator.ApiRoutes) })
        {
            var documented = JsonDocument.Parse(await http.GetStringAsync(new Uri(program.Address, "/openapi/v1.json"))).RootElement.GetProperty("paths").EnumerateObject().Select(path => path.Name).ToList();
            if (program == _pair.Identity)
            {
                var metadata = JsonDocument.Parse(await http.GetStringAsync(new Uri(program.Address, "/.well-known/openid-configuration"))).RootElement;
                documented.AddRange(metadata.EnumerateObject().Where(member => member.Name.EndsWith("_endpoint", StringComparison.Ordinal) || member.Name == "jwks_uri").Select(member => new Uri(member.Value.GetString()!).AbsolutePath));
            }
            Assert.NotEmpty(documented);
            Assert.Empty(documented.Except(known));
            paths.AddRange(documented);
        }
        Assert.InRange(paths.Count, 12, 100);
    }

    [Fact]
    public async Task Hostile_requests_get_an_answer_that_is_no_fault_within_a_second()
    {
        // Warms up code and caches before the first measurement.
        await RunAsync(-Math.Max(400, Budget.Requests / 20), 0);
        var before = (Identity: Pair.ResidentBytes(_pair.Identity), Api: Pair.ResidentBytes(_pair.Api));
        _statuses.Clear();
        var begun = Stopwatch.GetTimestamp();
        await RunAsync(0, Budget.Requests);
        var elapsed = Stopwatch.GetElapsedTime(begun);
        var after = (Identity: Pair.ResidentBytes(_pair.Identity), Api: Pair.ResidentBytes(_pair.Api));

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"seed {Budget.Seed}  HTTP {Budget.Requests} requests in {elapsed.TotalSeconds:0} s, slowest {TimeSpan.FromTicks(_slowest).TotalMilliseconds:0} ms, {_unanswered} closed unanswered; "
            + $"IdentityServer {before.Identity >> 20} to {after.Identity >> 20} MiB, ResourceApi {before.Api >> 20} to {after.Api >> 20} MiB; "
            + $"{string.Join(", ", _statuses.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {pair.Value}"))}"));
        Assert.InRange(after.Identity - before.Identity, long.MinValue, Growth);
        Assert.InRange(after.Api - before.Api, long.MinValue, Growth);
        Assert.True(_statuses.Count > 5, "All requests are refused in the same way.");
        HasCleanLog(_pair.Identity);
        HasCleanLog(_pair.Api);
        await DoesItsJobAsync();
    }

    private Task RunAsync(int first, int end) => Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
    {
        using var identity = new RawCaller(_pair.Identity.Address);
        using var api = new RawCaller(_pair.Api.Address);
        Session? session = null;
        for (int number = first + caller, sent = 0; number < end; number += Callers, sent++)
        {
            if (sent % RequestsOfSession == 0)
                session = await Session.OpenAsync(_pair, number);
            var request = new Generator(new Mutator(Budget.ChanceOf("HTTP", number)), session!).Next();
            await TryAsync(request.IsForApi ? api : identity, request, number);
        }
    }));

    private async Task TryAsync(RawCaller caller, HostileRequest request, int number)
    {
        var bytes = request.Write();
        var begun = Stopwatch.GetTimestamp();
        var answer = await AskAsync(caller, request, bytes, number);
        var elapsed = Stopwatch.GetElapsedTime(begun);
        if (elapsed > Hang)
        {
            // The machine may have been busy: only a request that is slow again is a finding.
            begun = Stopwatch.GetTimestamp();
            answer = await AskAsync(caller, request, bytes, number);
            elapsed = Stopwatch.GetElapsedTime(begun);
        }
        var wrong = elapsed > Hang ? string.Create(CultureInfo.InvariantCulture, $"was answered after {elapsed.TotalMilliseconds:0} ms") : Judge(request, answer);
        if (wrong is not null)
            throw new InvalidOperationException($"FUZZ_SEED={Budget.Seed}, request {number} {wrong}\n{Shown(bytes)}\nanswer: {answer?.Head}\n{Shown(answer?.Body ?? [])}");
        lock (_statuses)
        {
            _slowest = Math.Max(_slowest, elapsed.Ticks);
            _unanswered += answer is null ? 1 : 0;
            if (answer is not null)
                _statuses[answer.Status] = _statuses.GetValueOrDefault(answer.Status) + 1;
        }
    }

    private static async Task<RawAnswer?> AskAsync(RawCaller caller, HostileRequest request, byte[] bytes, int number)
    {
        try
        {
            return await caller.SendAsync(bytes, request.IsWellFramed, request.Method == "HEAD");
        }
        catch (OperationCanceledException hung)
        {
            throw new TimeoutException($"FUZZ_SEED={Budget.Seed}, request {number} got no answer and no end\n{Shown(bytes)}", hung);
        }
    }

    /// <summary>Null if nothing is wrong.</summary>
    private static string? Judge(HostileRequest request, RawAnswer? answer)
    {
        if (answer is null)
            return request.IsWellFramed ? "is well-formed and got no answer" : null;
        // 505: the server's own answer to a request line without a supported version of HTTP (RFC 9110 §15.6.6).
        if (answer.Status >= 500 && !(answer.Status == 505 && !request.IsWellFramed) && (answer.Status != 503 || answer.Header("Retry-After") is null))
            return "was answered by a fault";
        if (answer.Status < 500 && answer.Header("X-Injected") is not null)
            return "wrote a header of its own into the answer";
        var body = Encoding.UTF8.GetString(answer.Body);
        if (body.Contains("Exception", StringComparison.Ordinal) || body.Contains("   at ", StringComparison.Ordinal))
            return "shows our insides";
        if (answer.Header("Content-Type")?.StartsWith("application/json", StringComparison.Ordinal) == true && request.Method != "HEAD" && answer.Status != 304
            && Json.Parse(answer.Body, JsonRules.Strict) is not { Kind: JsonKind.Object })
            return "was answered by what is no JSON object";
        // Someone who registers with a password as the user name is told that name.
        return answer.Status != 201 && body.Contains(Session.Password, StringComparison.Ordinal) && !request.IsForApi ? "echoes a password" : null;
    }

    private static void HasCleanLog(ProgramProcess program)
    {
        Assert.False(program.HasExited);
        foreach (var line in program.Lines)
        {
            Assert.DoesNotContain("A fault of ours", line, StringComparison.Ordinal);
            Assert.DoesNotContain("request failed", line, StringComparison.Ordinal);
            Assert.DoesNotContain("nhandled", line, StringComparison.Ordinal);
            Assert.DoesNotContain(Session.Password, line, StringComparison.Ordinal);
            Assert.DoesNotContain(Pair.ClientSecret, line, StringComparison.Ordinal);
        }
    }

    private async Task DoesItsJobAsync()
    {
        var session = await Session.OpenAsync(_pair, int.MaxValue);
        using var http = new HttpClient { BaseAddress = _pair.Api.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", session.UserToken);
        using var stored = await http.PostAsync(new Uri("/api/data", UriKind.Relative), new StringContent("""{"key":"k","value":"v"}""", Encoding.UTF8, "application/json"));
        Assert.Equal(System.Net.HttpStatusCode.Created, stored.StatusCode);
        Assert.Contains("\"v\"", await http.GetStringAsync(new Uri("/api/data/k", UriKind.Relative)), StringComparison.Ordinal);
        await _pair.Identity.AnswersAsync();
        await _pair.Api.AnswersAsync();
    }

    private static string Shown(byte[] bytes) => Encoding.Latin1.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, 2000)));
}
