using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Follows the issuer's revocation feed by long polls, for as long as the program runs.</summary>
internal sealed partial class RevocationWatch(
    IssuerConnection issuer, RevokedTokens revoked, IOptions<IdentityServerTokensOptions> options, RevocationFeedMetrics metrics, TimeProvider clock, ILogger<RevocationWatch> logger)
    : BackgroundService
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);

    // Under a second, so that a token revoked right after the issuer came back is dead within a second here.
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(800);

    // A program that has just started gets this long to hear from the issuer before it says 503.
    private static readonly TimeSpan FirstAnswerPatience = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource _firstAnswer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeSpan _maxStaleness = options.Value.MaxStaleness;

    // A poll without news must come back before what we know goes stale.
    private readonly TimeSpan _wait = TimeSpan.FromSeconds(Math.Min(LongestWait.TotalSeconds, Math.Floor(options.Value.MaxStaleness.TotalSeconds / 3)));

    private long _answeredAt = long.MinValue;

    public bool HasAnswered => Volatile.Read(ref _answeredAt) != long.MinValue;

    // UTC, not the monotonic clock: that one stands still while a virtual machine is suspended, and trust would not age.
    public bool IsStale => HasAnswered && clock.GetUtcNow().UtcTicks - Volatile.Read(ref _answeredAt) > _maxStaleness.Ticks;

    /// <summary>How long ago the feed answered last; null before its first answer.</summary>
    public TimeSpan? Age => HasAnswered ? TimeSpan.FromTicks(clock.GetUtcNow().UtcTicks - Volatile.Read(ref _answeredAt)) : null;

    /// <summary>Null: the token is alive, as far as can be known.</summary>
    public async ValueTask<BearerRefusal?> RefuseAsync(AccessToken token, CancellationToken ct)
    {
        // What is known to be revoked is refused even when the feed is stale: that can't change back.
        if (revoked.Contains(token))
            return BearerRefusal.Revoked;
        if (IsStale)
            return BearerRefusal.Stale;
        if (HasAnswered)
            return null;
        if (!await _firstAnswer.Task.CompletesWithinAsync(FirstAnswerPatience, ct))
            return BearerRefusal.NoRevocations;
        return revoked.Contains(token) ? BearerRefusal.Revoked : null;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        string? cursor = null;
        var failures = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                // After a failure, and at first, nobody waits: whether tokens can be trusted depends on this answer.
                var wait = cursor is null || failures > 0 ? TimeSpan.Zero : _wait;
                var (askedWith, askedAt) = (cursor, clock.GetTimestamp());
                var answer = await issuer.FetchRevocationsAsync(cursor, wait, stoppingToken);
                cursor = answer?.Cursor;
                if (answer is null)
                {
                    LogCursorRefused();
                    await Task.Delay(ShortestPause, clock, stoppingToken);
                    continue;
                }

                revoked.Add(answer.Revoked);
                revoked.Prune();
                // Of what was so before this program came, nothing is late.
                if (askedWith is not null)
                    metrics.Learned(answer.Revoked);
                Volatile.Write(ref _answeredAt, clock.GetUtcNow().UtcTicks);
                _firstAnswer.TrySetResult();
                if (failures > 0)
                    LogFollowing(failures);
                failures = 0;

                // An issuer that does not hold the poll open, or is told not to, is not asked in a tight loop.
                if (answer.Revoked.Count == 0 && askedWith is not null && clock.GetElapsedTime(askedAt) < ShortestPause)
                    await Task.Delay(2 * ShortestPause, clock, stoppingToken);
            }
            catch (IssuerException e)
            {
                if (failures++ == 0)
                    LogLost(e.Message);
                await Task.Delay(Pause(failures), clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Whatever it is: a background service that throws ends its program, and this one is a guest in another's.
            catch (Exception fault)
            {
                failures++;
                LogFault(fault);
                await Task.Delay(Pause(failures), clock, CancellationToken.None);
            }
        }
    }

    /// <summary>Doubles from 100 ms, half of it by chance, so that many resource servers do not return in step.</summary>
    private static TimeSpan Pause(int failures)
    {
        var most = Math.Min(LongestPause.TotalMilliseconds, ShortestPause.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 10)));
        return TimeSpan.FromMilliseconds(most * (0.5 + (Random.Shared.NextDouble() / 2)));
    }

    [LoggerMessage(EventId = 2101, Level = LogLevel.Warning, Message = "The revocation feed does not answer; tokens stay trusted for a limited time. {Reason}")]
    private partial void LogLost(string reason);

    [LoggerMessage(EventId = 2102, Level = LogLevel.Information, Message = "The revocation feed answers again after {Failures} failed attempts.")]
    private partial void LogFollowing(int failures);

    [LoggerMessage(EventId = 2104, Level = LogLevel.Error, Message = "The revocation feed can't be followed by a fault of ours; it is asked again.")]
    private partial void LogFault(Exception fault);

    [LoggerMessage(EventId = 2103, Level = LogLevel.Information, Message = "The issuer does not know our place in the revocation feed any more; reading it from the start.")]
    private partial void LogCursorRefused();
}
