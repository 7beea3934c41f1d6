using System.Diagnostics;
using System.Net;

namespace Fuzz.Sockets;

/// <summary>A well-behaved caller among others: uses a kept connection and a new one in turn.</summary>
internal sealed class Neighbour(Func<HttpRequestMessage> request)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>All were 200.</summary>
    public int Answers { get; private set; }

    public TimeSpan Slowest { get; private set; }

    /// <exception cref="HttpRequestException">One request was refused or broken off.</exception>
    public async Task AsksUntilAsync(Task end)
    {
        using var kept = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        do
        {
            using var asked = request();
            asked.Headers.ConnectionClose = Answers % 2 == 1;
            var begun = Stopwatch.GetTimestamp();
            using var answer = await kept.SendAsync(asked);
            var elapsed = Stopwatch.GetElapsedTime(begun);
            if (answer.StatusCode != HttpStatusCode.OK)
                throw new HttpRequestException($"The neighbour got {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
            Slowest = elapsed > Slowest ? elapsed : Slowest;
            Answers++;
            await Task.Delay(Pause);
        }
        while (!end.IsCompleted);
        await end;
    }
}
