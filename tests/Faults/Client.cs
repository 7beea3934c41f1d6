using System.Diagnostics;

namespace Faults;

/// <summary>Sends a request until it has an answer, as a good client would: elsewhere when a node does not answer.</summary>
internal sealed class Client(Tally tally)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    /// <summary>How long it is tried; longer than any outage of a fault.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(75);

    /// <param name="what">The operation, for the count of wrong answers.</param>
    /// <param name="targets">Those that may be asked, by turns from <paramref name="first"/> on.</param>
    /// <param name="right">The status of success.</param>
    /// <param name="afterUnsure">Statuses that tell, after a cut or refused attempt, that it had been done.</param>
    /// <param name="isUnsure">Whether something before this request may be why it gets one of those.</param>
    /// <returns>Null: there is no right answer, and it has been counted.</returns>
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
