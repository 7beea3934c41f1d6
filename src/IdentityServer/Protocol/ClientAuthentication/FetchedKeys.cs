using IdentityServer.Outbound;
using IdentityServer.Protocol.Jwt;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// The keys of one client's <c>jwks_uri</c>. Fetched again when they are old or a <c>kid</c> is unknown, but never twice within
/// <see cref="Pause"/>, so forged assertions cost the client's site at most four requests a minute.
/// </summary>
internal sealed partial class FetchedKeys(FetchedKeys.Source source, string clientId, string uri, string? algorithm)
{
    /// <summary>What the fetches of all clients share.</summary>
    internal sealed record Source(OutboundHttp Outbound, SemaphoreSlim Places, string[] Algorithms, TimeProvider Time, ILogger Log);

    /// <summary>The most octets of a key set.</summary>
    public const int MaximumLength = 64 * 1024;

    /// <summary>The least time between two requests to the site, whatever the result of the first.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(15);

    // Whatever Cache-Control says, don't fetch every minute, and don't accept a withdrawn key for more than an hour.
    private static readonly TimeSpan ShortestAge = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan UsualAge = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestAge = TimeSpan.FromHours(1);

    private readonly Lock _turn = new();
    private Task<Result<JwtVerifier>>? _underWay;
    private JwtVerifier? _keys;
    private DateTimeOffset _askedAt = DateTimeOffset.MinValue;
    private DateTimeOffset _fetchedAt = DateTimeOffset.MinValue;
    private DateTimeOffset _freshUntil = DateTimeOffset.MinValue;

    public bool IsOf(string otherUri, string? otherAlgorithm) => uri == otherUri && algorithm == otherAlgorithm;

    /// <param name="lacking">Keys that turned out not to include the one sought.</param>
    public ValueTask<Result<JwtVerifier>> FindAsync(CancellationToken cancellationToken, JwtVerifier? lacking = null)
    {
        lock (_turn)
        {
            var now = source.Time.GetUtcNow();
            if (_keys is not null && now < _freshUntil && !ReferenceEquals(_keys, lacking))
                return new(_keys);
            if (_underWay is null)
            {
                if (now - _askedAt < Pause)
                    return new(Known(now));
                if (!source.Places.Wait(0, CancellationToken.None))
                    return new(_keys is null ? Errors.Busy : Known(now));
                _askedAt = now;
                // The first caller must not cancel it, because others wait for it.
                _underWay = Task.Run(FetchAsync, CancellationToken.None);
            }
            return new(_underWay.WaitAsync(cancellationToken));
        }
    }

    private async Task<Result<JwtVerifier>> FetchAsync()
    {
        try
        {
            var (keys, age, failure) = await AskAsync();
            lock (_turn)
            {
                _underWay = null;
                var now = source.Time.GetUtcNow();
                if (keys is not null)
                    (_keys, _fetchedAt, _freshUntil) = (keys, now, now + age);
                else
                    LogUnusable(source.Log, clientId, failure!);
                return Known(now);
            }
        }
        finally
        {
            source.Places.Release();
        }
    }

    private async Task<(JwtVerifier? Keys, TimeSpan Age, string? Failure)> AskAsync()
    {
        try
        {
            var answer = await source.Outbound.GetAsync(new Uri(uri), "application/json", MaximumLength, CancellationToken.None);
            if (answer.Failure is not null)
                return (null, default, answer.Failure);
            if (answer.Status != System.Net.HttpStatusCode.OK)
                return (null, default, $"the answer is {(int)answer.Status}");
            // RFC 7517 §8.5: application/jwk-set+json; most say application/json.
            if (answer.MediaType is not ("application/json" or "application/jwk-set+json"))
                return (null, default, "the answer is not JSON by its Content-Type");
            if (ClientKeys.TryParse(answer.Body, algorithm, source.Algorithms) is not { } keys)
                return (null, default, "the answer is no JWK Set with a key that can be used");
            var age = answer.MaxAge ?? UsualAge;
            return (keys, age < ShortestAge ? ShortestAge : age > LongestAge ? LongestAge : age, null);
        }
        catch (Exception fault)
        {
            // Nobody may wait forever, and the next caller must not find this fetch still running.
            return (null, default, $"a fault of ours: {fault.GetType().Name}");
        }
    }

    /// <summary>If the site does not answer, its last keys are used for another hour.</summary>
    private Result<JwtVerifier> Known(DateTimeOffset now) => _keys is not null && now - _fetchedAt < LongestAge ? _keys : Errors.ClientRefused;

    [LoggerMessage(2201, LogLevel.Warning, "The keys of client {ClientId} can't be fetched from its jwks_uri: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string clientId, string reason);
}
