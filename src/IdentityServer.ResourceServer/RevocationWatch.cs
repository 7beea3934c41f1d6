using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Follows the issuer's revocation feed by long polls, for as long as the program runs.</summary>
internal sealed partial class RevocationWatch(
    IssuerConnection issuer, RevokedTokens revoked, IOptions<IdentityServerTokensOptions> options, RevocationFeedMetrics metrics, TimeProvider timeProvider, ILogger<RevocationWatch> logger)
    : BackgroundService
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);

    // Under a second, so that a token revoked right after the issuer came back is dead within a second here.
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(800);

    // A program that has just started has this long to reach the issuer before it answers 503.
    private static readonly TimeSpan FirstAnswerPatience = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource _firstAnswer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeSpan _maxStaleness = options.Value.MaxStaleness;

    // A poll without news must return before our state goes stale.
    private readonly TimeSpan _wait = TimeSpan.FromSeconds(Math.Min(LongestWait.TotalSeconds, Math.Floor(options.Value.MaxStaleness.TotalSeconds / 3)));

    private long _answeredAt = long.MinValue;

    public bool HasAnswered => Volatile.Read(ref _answeredAt) != long.MinValue;

    // UTC, not the monotonic clock, which stands still while a virtual machine is suspended, so our state would not age.
    public bool IsStale => HasAnswered && timeProvider.GetUtcNow().UtcTicks - Volatile.Read(ref _answeredAt) > _maxStaleness.Ticks;

    /// <summary>How long ago the feed answered last; null before its first answer.</summary>
    public TimeSpan? Age => HasAnswered ? TimeSpan.FromTicks(timeProvider.GetUtcNow().UtcTicks - Volatile.Read(ref _answeredAt)) : null;

    /// <summary>Null: the token is alive, as far as can be known.</summary>
    public async ValueTask<BearerRefusal?> RefuseAsync(AccessToken token, CancellationToken cancellationToken)
    {
        // A known revocation counts even when the feed is stale, because it can't be undone.
        if (revoked.Contains(token))
            return BearerRefusal.Revoked;
        if (IsStale)
            return BearerRefusal.Stale;
        if (HasAnswered)
            return null;
        if (!await _firstAnswer.Task.CompletesWithinAsync(FirstAnswerPatience, cancellationToken))
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
                // Don't long-poll at start or after a failure: whether tokens can be trusted depends on this answer.
                var wait = cursor is null || failures > 0 ? TimeSpan.Zero : _wait;
                var (askedWith, askedAt) = (cursor, timeProvider.GetTimestamp());
                var answer = await issuer.FetchRevocationsAsync(cursor, wait, stoppingToken);
                cursor = answer?.Cursor;
                if (answer is null)
                {
                    LogCursorRefused();
                    await Task.Delay(ShortestPause, timeProvider, stoppingToken);
                    continue;
                }

                revoked.Add(answer.Revoked);
                revoked.Prune();
                // Entries from before the start don't count as late.
                if (askedWith is not null)
                    metrics.Learned(answer.Revoked);
                Volatile.Write(ref _answeredAt, timeProvider.GetUtcNow().UtcTicks);
                _firstAnswer.TrySetResult();
                if (failures > 0)
                    LogFollowing(failures);
                failures = 0;

                // Avoids a tight loop if the issuer does not hold the poll open, or is told not to.
                if (answer.Revoked.Count == 0 && askedWith is not null && timeProvider.GetElapsedTime(askedAt) < ShortestPause)
                    await Task.Delay(2 * ShortestPause, timeProvider, stoppingToken);
            }
            catch (IssuerException e)
            {
                if (failures++ == 0)
                    LogLost(e.Message);
                await Task.Delay(Pause(failures), timeProvider, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // Catch everything: a background service that throws stops the host, and this one runs in somebody else's.
            catch (Exception fault)
            {
                failures++;
                LogFault(fault);
                await Task.Delay(Pause(failures), timeProvider, CancellationToken.None);
            }
        }
    }

    /// <summary>Doubles from 100 ms, half of it random, so that many resource servers do not retry in step.</summary>
    private static TimeSpan Pause(int failures)
    {
        var most = Math.Min(LongestPause.TotalMilliseconds, ShortestPause.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 10)));
        return TimeSpan.FromMilliseconds(most * (0.5 + (Random.Shared.NextDouble() / 2)));
    }

    [LoggerMessage(EventId = 2101, Level = LogLevel.Warning, Message = "The revocation feed does not answer; tokens are still accepted for a limited time. {Reason}")]
    private partial void LogLost(string reason);

    [LoggerMessage(EventId = 2102, Level = LogLevel.Information, Message = "The revocation feed answers again after {Failures} failed attempts.")]
    private partial void LogFollowing(int failures);

    [LoggerMessage(EventId = 2104, Level = LogLevel.Error, Message = "Following the revocation feed failed unexpectedly; it will be retried.")]
    private partial void LogFault(Exception fault);

    [LoggerMessage(EventId = 2103, Level = LogLevel.Information, Message = "The issuer no longer knows our position in the revocation feed; reading it from the start.")]
    private partial void LogCursorRefused();
}
