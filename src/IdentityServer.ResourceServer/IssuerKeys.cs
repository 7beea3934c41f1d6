using Jose;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace IdentityServer.ResourceServer;

/// <summary>A key set and the tokens that were verified with it: when the keys change, those are verified anew.</summary>
internal sealed record KnownKeys(JwtVerifier Verifier, VerifiedTokens<AccessToken> Tokens);

/// <summary>The issuer's public keys: read at start, every five minutes, and when a token names one that is not known.</summary>
internal sealed partial class IssuerKeys(IssuerConnection issuer, TimeProvider clock, ILogger<IssuerKeys> logger) : BackgroundService
{
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    // Anybody can invent a kid; nobody may make us ask the issuer more often than this.
    private static readonly TimeSpan UnknownKeyInterval = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _firstKeys = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private Task<bool>? _refresh;
    private DateTimeOffset _unknownKeyAt = DateTimeOffset.MinValue;
    private volatile KnownKeys? _current;
    private bool _isAway;

    /// <summary>Null until the issuer has answered once; the last good ones when it is away.</summary>
    public KnownKeys? Current => _current;

    public Task<bool> WaitForFirstKeysAsync(TimeSpan most, CancellationToken ct) => _firstKeys.Task.CompletesWithinAsync(most, ct);

    /// <summary>Asks the issuer for a key that <paramref name="seen"/> lacks, unless that was done a moment ago.</summary>
    public async ValueTask<KnownKeys> FindNewerAsync(KnownKeys seen, CancellationToken ct)
    {
        var newer = _current!;
        if (newer != seen)
            return newer;

        Task<bool>? refresh = null;
        lock (_gate)
        {
            var now = clock.GetUtcNow();
            if (_refresh is { IsCompleted: false } running)
                refresh = running;
            else if ((now - _unknownKeyAt).Duration() >= UnknownKeyInterval)
            {
                _unknownKeyAt = now;
                refresh = _refresh = FetchAsync(CancellationToken.None);
            }
        }

        if (refresh is not null)
            await refresh.WaitAsync(ct);
        return _current!;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                Task<bool> refresh;
                lock (_gate)
                    refresh = _refresh is { IsCompleted: false } running ? running : _refresh = FetchAsync(stoppingToken);
                var isRead = await refresh.WaitAsync(stoppingToken);
                await Task.Delay(isRead ? RefreshInterval : RetryInterval, clock, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task<bool> FetchAsync(CancellationToken ct)
    {
        // Never on the caller's stack: the gate is held there.
        await Task.Yield();
        try
        {
            var keys = await issuer.FetchKeysAsync(ct);
            if (_current is not { } known || !IsSame(known.Verifier.Keys, keys))
            {
                _current = new KnownKeys(new JwtVerifier(keys), new VerifiedTokens<AccessToken>());
                LogKeys(keys.Keys.Count);
            }

            _isAway = false;
            _firstKeys.TrySetResult();
            return true;
        }
        catch (IssuerException e)
        {
            if (!_isAway)
                LogAway(e.Message);
            _isAway = true;
            return false;
        }
        // Whatever it is: a background service that throws ends its program, and this one is a guest in another's.
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            LogFault(fault);
            return false;
        }
    }

    private static bool IsSame(JsonWebKeySet known, JsonWebKeySet read)
    {
        if (known.Keys.Count != read.Keys.Count)
            return false;
        for (var i = 0; i < known.Keys.Count; i++)
        {
            var (a, b) = (known.Keys[i], read.Keys[i]);
            if (a.KeyId != b.KeyId || a.Thumbprint != b.Thumbprint || a.Algorithm != b.Algorithm || a.Use != b.Use)
                return false;
        }

        return true;
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "Read {Count} keys of the issuer.")]
    private partial void LogKeys(int count);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Error, Message = "The issuer's keys can't be read by a fault of ours; the last good ones stay in use.")]
    private partial void LogFault(Exception fault);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "The issuer's keys can't be read; the last good ones stay in use. {Reason}")]
    private partial void LogAway(string reason);
}
