using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Fuzz.Http;
using Xunit;

namespace Fuzz.Sockets;

/// <summary>
/// Callers who hold connections and send nothing: the limits close them, and a neighbour gets every answer meanwhile.
/// With short limits, so that it shows in seconds; the neighbour gets far more time than it needs on an idle machine.
/// </summary>
public sealed class SlowCallerTests(ShortLimits programs) : IClassFixture<ShortLimits>
{
    private static readonly TimeSpan NeighbourPatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan Drip = TimeSpan.FromMilliseconds(400);

    private readonly Pair _pair = programs.Pair;
    private readonly string _token = programs.Token;

    public static TheoryData<string> Programs => ["IdentityServer", "ResourceApi"];

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Slow_headers_are_cut_off_and_slow_no_neighbour(string program)
    {
        using var crowd = await Crowd.ConnectAsync(Address(program), 200);
        await WhileANeighbourAsksAsync(program, async () =>
        {
            await crowd.SendAsync($"GET /health/live HTTP/1.1\r\nHost: localhost\r\n");
            for (var i = 0; i < 15; i++)
            {
                await crowd.SendAsync($"X-{i}: a\r\n");
                await Task.Delay(Drip);
            }
            AreAllEnded(await crowd.EndAsync(Patience), "HTTP/1.1 408", "");
        });
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Slow_bodies_are_cut_off_and_slow_no_neighbour(string program)
    {
        using var crowd = await Crowd.ConnectAsync(Address(program), 200);
        await WhileANeighbourAsksAsync(program, async () =>
        {
            await crowd.SendAsync(program == "IdentityServer"
                ? "POST /connect/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\ngrant_type=pass"
                : $"POST /api/data HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {_token}\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{{\"key\":");
            for (var i = 0; i < 20; i++)
            {
                await crowd.SendAsync("a");
                await Task.Delay(Drip);
            }
            // Kestrel allows 5 s of grace before it asks for 240 bytes a second.
            AreAllEnded(await crowd.EndAsync(Patience), "HTTP/1.1 4", "");
        });
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Two_thousand_idle_connections_slow_no_neighbour_and_are_closed(string program)
    {
        var process = program == "IdentityServer" ? _pair.Identity : _pair.Api;
        var before = Pair.ResidentBytes(process);
        using var silent = await Crowd.ConnectAsync(Address(program), 1_000);
        using var kept = await Crowd.ConnectAsync(Address(program), 1_000);
        await WhileANeighbourAsksAsync(program, async () =>
        {
            await kept.SendAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
            AreAllEnded(await silent.EndAsync(Patience), "");
            AreAllEnded(await kept.EndAsync(Patience), "HTTP/1.1 200", "");
        });
        var grown = Pair.ResidentBytes(process) - before;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"2000 idle connections, {program}: grown by {grown >> 20} MiB"));
        Assert.InRange(grown, long.MinValue, 128L << 20);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Past_the_most_connections_a_caller_is_closed_and_the_others_are_served(string program)
    {
        var neighbour = new HttpClient { BaseAddress = Address(program) };
        Assert.NotEmpty(await neighbour.GetStringAsync(new Uri("/health/live", UriKind.Relative)));
        using (var crowd = await Crowd.ConnectAsync(Address(program), ShortLimits.MaxConnections + 50))
        {
            // Those inside stay; at least those beyond the limit are refused at once, long before they would be idle.
            var ends = await crowd.EndAsync(TimeSpan.FromSeconds(1.5));
            Assert.InRange(ends.Count(end => end is not null), 50, 200);
            Assert.NotEmpty(await neighbour.GetStringAsync(new Uri("/health/live", UriKind.Relative)));
        }
        neighbour.Dispose();
        await (program == "IdentityServer" ? _pair.Identity : _pair.Api).AnswersAsync("/health/live");
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Garbage_and_giant_heads_are_refused_and_slow_no_neighbour(string program)
    {
        var chance = Budget.ChanceOf("garbage", 0);
        await WhileANeighbourAsksAsync(program, async () =>
        {
            foreach (var (sent, expected) in new[]
            {
                ($"GET /{new string('a', 20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 414"),
                ($"GET / HTTP/1.1\r\nHost: localhost\r\nX: {new string('a', 40_000)}\r\n\r\n", "HTTP/1.1 431"),
                ($"GET / HTTP/1.1\r\nHost: localhost\r\n{string.Concat(Enumerable.Range(0, 200).Select(n => $"X{n}: a\r\n"))}\r\n", "HTTP/1.1 431"),
                ("\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003" + new string('x', 500), "HTTP/1.1 400"),
                ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\u0012\u0004\0\0\0\0\0", "\0\0\b\a"),
                ("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", "HTTP/1.1 505"),
                (new string('\n', 5_000), ""),
            })
            {
                using var crowd = await Crowd.ConnectAsync(Address(program), 20);
                await crowd.SendAsync(sent);
                AreAllEnded(await crowd.EndAsync(Patience), expected.Length == 0 ? ["HTTP/1.1 4", "HTTP/1.1 5", ""] : [expected, ""]);
            }
            for (var i = 0; i < 20; i++)
            {
                var garbage = new byte[chance.Next(1, 4_000)];
                chance.NextBytes(garbage);
                using var crowd = await Crowd.ConnectAsync(Address(program), 5);
                // A valid request, then rubbish on the same connection.
                await crowd.SendAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" + Encoding.Latin1.GetString(garbage) + "\r\n\r\n");
                AreAllEnded(await crowd.EndAsync(Patience), "HTTP/1.1 200");
            }
        });
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task Pipelined_requests_are_answered_each_and_slow_no_neighbour(string program)
    {
        const int pipelined = 1_000;
        using var crowd = await Crowd.ConnectAsync(Address(program), 4);
        await WhileANeighbourAsksAsync(program, async () =>
        {
            var sending = crowd.SendAsync(string.Concat(Enumerable.Repeat("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", pipelined)));
            var ends = await crowd.EndAsync(Patience);
            await sending;
            foreach (var told in ends)
                Assert.Equal(pipelined, told!.Split("HTTP/1.1 200 OK").Length - 1);
        });
    }

    private Uri Address(string program) => program == "IdentityServer" ? _pair.Identity.Address : _pair.Api.Address;

    private static void AreAllEnded(string?[] ends, params string[] starts)
    {
        Assert.All(ends, Assert.NotNull);
        Assert.All(ends, told => Assert.Contains(starts, start => start.Length == 0 ? told!.Length == 0 : told!.StartsWith(start, StringComparison.Ordinal)));
    }

    private async Task WhileANeighbourAsksAsync(string program, Func<Task> attack)
    {
        var neighbour = new Neighbour(() => Request(program));
        await neighbour.AsksUntilAsync(attack());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{TestContext.Current.TestMethod?.MethodName}, {program}: the neighbour had {neighbour.Answers} answers, the slowest after {neighbour.Slowest.TotalMilliseconds:0} ms"));
        Assert.InRange(neighbour.Slowest, TimeSpan.Zero, NeighbourPatience);
    }

    /// <summary>A request that asks for work: a signature, or a statement.</summary>
    private HttpRequestMessage Request(string program) => program == "IdentityServer"
        ? new HttpRequestMessage(HttpMethod.Post, new Uri(_pair.Identity.Address, "/connect/token"))
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]),
            Headers = { Authorization = new AuthenticationHeaderValue("Basic", Pair.Basic(Pair.Client, Pair.ClientSecret)) },
        }
        : new HttpRequestMessage(HttpMethod.Get, new Uri(_pair.Api.Address, "/api/data?limit=5"))
        {
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", _token) },
        };
}
