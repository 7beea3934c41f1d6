using System.Diagnostics;

namespace Faults;

/// <summary>Sends a request until it has an answer, as a good client would: to another node if need be.</summary>
internal sealed class Client(Tally tally)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    /// <summary>How long it tries; longer than the outage of any fault.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(75);

    /// <param name="what">The operation, for the count of wrong answers.</param>
    /// <param name="targets">The nodes to ask, in turn, starting with <paramref name="first"/>.</param>
    /// <param name="right">The status of success.</param>
    /// <param name="afterUnsure">The status that says, after a cut or refused attempt, that it had succeeded.</param>
    /// <param name="isUnsure">Whether an earlier request may be the reason for that status.</param>
    /// <returns>Null: there was no right answer, and that has been counted.</returns>
    public async Task<Answer?> SendAsync(
        string what, IReadOnlyList<Target> targets, int first, Func<HttpRequestMessage> make, int right, int? afterUnsure = null, bool isUnsure = false)
    {
        var start = Stopwatch.GetTimestamp();
        for (var attempt = first; ; attempt++)
        {
            var target = targets[attempt % targets.Count];
            var epoch = tally.Epoch;
            var answer = await target.AskAsync(make());
            if (answer.Status == right || (isUnsure && answer.Status == afterUnsure))
            {
                target.CountRight();
                return answer with { WasUnsure = isUnsure };
            }

            target.CountBad();
            if (!answer.IsBroken && !answer.IsRefusal)
            {
                tally.Wrong($"{what}: {Describe(answer)}{(isUnsure ? " after a cut or refused attempt" : "")}");
                return null;
            }
            if (!tally.IsExcused(epoch))
                tally.Wrong($"{what}: {Describe(answer)} without a fault");
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                tally.Wrong($"{what}: no answer within {Patience.TotalSeconds:0} s");
                return null;
            }
            isUnsure = true;
            await Task.Delay(Pause);
        }
    }

    private static string Describe(Answer answer) => answer.Status switch
    {
        0 => "connection broken",
        -1 => $"nothing within {Target.LongestAnswer.TotalSeconds:0} s",
        _ => $"{answer.Status} {answer.Code}",
    };
}
