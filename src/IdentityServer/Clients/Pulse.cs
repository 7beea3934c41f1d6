using IdentityServer.Keys;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Clients;

/// <summary>
/// Keeps this node in step with the others: four times a second, one statement reads the new revocations since
/// the last beat and the version of the configuration. It polls instead of using NOTIFY: a beat can't be lost, a
/// revocation commits without NOTIFY's cluster-wide lock, and any connection pooler works.
/// </summary>
internal sealed partial class Pulse(
    [FromKeyedServices(Database.PulseSource)] NpgsqlDataSource source, CurrentConfiguration configuration, KeyStore keys,
    Revocations revocations, RevocationFeed feed, TimeProvider timeProvider, ILogger<Pulse> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMilliseconds(20);

    private const int BeatsBetweenForgetting = 40;

    /// <summary>Beyond this age the node no longer knows what others have revoked.</summary>
    private static readonly TimeSpan MaximumAge = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LongestFollowing = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _wake = new(0, 1);
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PgSnapshot? _seen;
    private string _cluster = "";
    private long _beats;
    private long _lastBeat;
    private bool _isDown;

    /// <summary>The timestamp of the last beat that succeeded; null before the first.</summary>
    public long? LastBeat => Volatile.Read(ref _lastBeat) is not 0 and var last ? last : null;

    /// <summary>Whether this node knows what the others did until a few seconds ago.</summary>
    public bool IsFresh => LastBeat is { } last && timeProvider.GetElapsedTime(last) < MaximumAge;

    /// <summary>Beats at once, because this node has just written something that readers of its feed should learn.</summary>
    public void Wake()
    {
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // A beat is already due.
        }
    }

    /// <summary>For a caller that changed something and answers afterwards: <see cref="NextBeatAsync"/>, but no longer than a beat may take.</summary>
    public async Task FollowAsync() => await NextBeatAsync().WaitAsync(LongestFollowing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>Completes after a beat, or a failed attempt, that began after this call.</summary>
    public Task NextBeatAsync()
    {
        var next = Volatile.Read(ref _next).Task;
        Wake();
        return next;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await _wake.WaitAsync(Interval, stoppingToken);
            await RestAsync(stoppingToken);
            var awaited = Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously));
            try
            {
                await BeatAsync(stoppingToken);
                if (_isDown)
                    LogBack();
                _isDown = false;
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                // Logged once per outage, not four times a second.
                if (!_isDown)
                    LogLost(failure);
                _isDown = true;
                // Jitter, so that the nodes don't all hit a database that has just come back.
                await Task.Delay(Interval * (1 + Random.Shared.NextDouble()), timeProvider, stoppingToken);
            }
            finally
            {
                awaited.TrySetResult();
            }
        }
    }

    /// <summary>A storm of revocations would wake it constantly, so one beat covers many.</summary>
    private async Task RestAsync(CancellationToken cancellationToken)
    {
        var rested = timeProvider.GetElapsedTime(Volatile.Read(ref _lastBeat));
        if (rested < ShortestInterval)
            await Task.Delay(ShortestInterval - rested, timeProvider, cancellationToken);
    }

    public async Task BeatAsync(CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        var (snapshot, cluster, version, entries) = _seen is null
            ? await Beat.ReadFirstAsync(source, timeProvider.GetUtcNow(), cancellationToken)
            : await Beat.ReadAsync(source, _seen, cancellationToken);

        if (_seen is not null && cluster != _cluster)
        {
            // A different cluster answers, or the same one on another timeline (a promoted standby, a restored backup):
            // transaction ids may start over.
            _seen = null;
            await BeatAsync(cancellationToken);
            return;
        }
        foreach (var entry in entries)
            revocations.Add(entry);
        feed.Append(entries, snapshot, cluster);
        (_seen, _cluster) = (snapshot, cluster);
        if (version != configuration.Value.Version)
            await ReloadAsync(cancellationToken);
        if (++_beats % BeatsBetweenForgetting == 0)
            revocations.Forget(timeProvider.GetUtcNow());
        Volatile.Write(ref _lastBeat, started);
    }

    private async Task ReloadAsync(CancellationToken cancellationToken)
    {
        // Reads the keys after the version, so that the recorded version is never newer than the keys.
        var read = await ConfigurationReader.ReadAsync(source, cancellationToken);
        await keys.ReadAsync(source, cancellationToken);
        configuration.Value = read;
        LogReloaded(read.Version);
    }

    public override void Dispose()
    {
        _wake.Dispose();
        base.Dispose();
    }

    [LoggerMessage(1000, LogLevel.Information, "Configuration version {Version} is active")]
    private partial void LogReloaded(long version);

    [LoggerMessage(1001, LogLevel.Error, "Lost contact with the database")]
    private partial void LogLost(Exception failure);

    [LoggerMessage(1002, LogLevel.Information, "In contact with the database again")]
    private partial void LogBack();
}
