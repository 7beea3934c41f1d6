using Dpop;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;

namespace IdentityServer.ResourceServer;

/// <summary>The issuer's published keys and the tokens verified with them. When the keys change, tokens are verified again.</summary>
internal sealed record KnownKeys(OpenIddictConfiguration Configuration, VerifiedTokens<AccessToken> Tokens);

/// <summary>
/// Decides when OpenIddict reads the issuer's metadata and keys: at start, every five minutes, and at once when a token names an unknown
/// key, for which its own manager would only schedule a refresh.
/// </summary>
internal sealed partial class IssuerKeys(
    OpenIddictValidationService openIddict, QuietTransactions transactions, IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider, ILogger<IssuerKeys> logger)
    : BackgroundService, IConfigurationManager<OpenIddictConfiguration>
{
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    // Anybody can invent a kid, but nobody may make us ask the issuer more often than this. Well below the shortest time that a key
    // is usually published ahead: an answer from a node that did not know the new key yet must not stand until it signs.
    private static readonly TimeSpan UnknownKeyInterval = TimeSpan.FromSeconds(3);

    // A program that has just started has this long to reach the issuer before it answers 503.
    private static readonly TimeSpan FirstAnswerPatience = TimeSpan.FromSeconds(2);

    private readonly IConfigurationRetriever<OpenIddictConfiguration> _issuer = new OpenIddictValidationRetriever(openIddict);
    private readonly TaskCompletionSource _firstKeys = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private Task<bool>? _refresh;
    private DateTimeOffset _unknownKeyAt = DateTimeOffset.MinValue;
    private volatile KnownKeys? _current;
    private bool _isAway;

    /// <summary>Null until the issuer has answered once; the last good keys while it is unreachable.</summary>
    public KnownKeys? Current => _current;

    /// <summary>Null when the issuer has not been reached yet.</summary>
    public async ValueTask<OpenIddictConfiguration?> WaitForConfigurationAsync(CancellationToken cancellationToken)
    {
        if (_current is null)
            await _firstKeys.Task.CompletesWithinAsync(FirstAnswerPatience, cancellationToken);
        return _current?.Configuration;
    }

    /// <summary>
    /// The key that the token names, or the only one for its algorithm if it names none. The issuer is asked for an unknown key
    /// unless it was asked a moment ago.
    /// </summary>
    public async ValueTask<(OpenIddictConfiguration Configuration, JsonWebKey? Key)> FindKeyAsync(OpenIddictConfiguration configuration, StrictJwt jwt, CancellationToken cancellationToken)
    {
        if (!PublicJwk.Algorithms.Contains(jwt.Algorithm))
            return (configuration, null);
        var key = Find(configuration, jwt);
        if (key is null && await FindNewerAsync(configuration, cancellationToken) is var newer && newer != configuration)
            (configuration, key) = (newer, Find(newer, jwt));
        return (configuration, key?.Alg == jwt.Algorithm ? key : null);
    }

    // OpenIddict calls it this way when a request comes.
    async Task<OpenIddictConfiguration> IConfigurationManager<OpenIddictConfiguration>.GetConfigurationAsync(CancellationToken cancellationToken) =>
        await WaitForConfigurationAsync(cancellationToken) ?? throw new IssuerException("The issuer's keys are not known yet.");

    void IConfigurationManager<OpenIddictConfiguration>.RequestRefresh()
    {
    }

    private static JsonWebKey? Find(OpenIddictConfiguration configuration, StrictJwt jwt)
    {
        var keys = configuration.JsonWebKeySet!.Keys;
        if (jwt.KeyId is not null)
            return keys.FirstOrDefault(key => key.KeyId == jwt.KeyId);
        // There must be only one candidate: keys are not tried one by one.
        return keys.Where(key => key.Alg == jwt.Algorithm).ToArray() is [var only] ? only : null;
    }

    private async ValueTask<OpenIddictConfiguration> FindNewerAsync(OpenIddictConfiguration seen, CancellationToken cancellationToken)
    {
        if (_current!.Configuration is var newer && newer != seen)
            return newer;

        Task<bool>? refresh = null;
        lock (_gate)
        {
            var now = timeProvider.GetUtcNow();
            if (_refresh is { IsCompleted: false } running)
                refresh = running;
            else if ((now - _unknownKeyAt).Duration() >= UnknownKeyInterval)
            {
                _unknownKeyAt = now;
                refresh = _refresh = FetchAsync(CancellationToken.None);
            }
        }

        if (refresh is not null)
            await refresh.WaitAsync(cancellationToken);
        return _current!.Configuration;
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
                await Task.Delay(isRead ? RefreshInterval : RetryInterval, timeProvider, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task<bool> FetchAsync(CancellationToken cancellationToken)
    {
        // Never on the caller's stack, where the gate is held.
        await Task.Yield();
        transactions.Failure = null;
        try
        {
            var read = await _issuer.GetConfigurationAsync(new Uri(options.Value.IssuerAddress, ".well-known/openid-configuration").AbsoluteUri, null!, cancellationToken);
            if (_current is not { } known || !Names(known.Configuration).SequenceEqual(Names(read)))
            {
                _current = new KnownKeys(read, new VerifiedTokens<AccessToken>());
                LogKeys(read.JsonWebKeySet!.Keys.Count);
            }

            _isAway = false;
            _firstKeys.TrySetResult();
            return true;
        }
        // Catch everything: a background service that throws stops the host, and this one runs in somebody else's.
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            if (!_isAway)
                LogAway(Reason(fault));
            _isAway = true;
            return false;
        }
    }

    private string Reason(Exception fault) =>
        transactions.Failure is { } failure ? $"The issuer can't be reached at {options.Value.IssuerAddress.GetLeftPart(UriPartial.Authority)}: {failure.GetBaseException().Message}"
        : fault is OpenIddictExceptions.ProtocolException { ErrorDescription: { } reason } ? reason
        : fault.Message;

    private static IEnumerable<(string?, string, string)> Names(OpenIddictConfiguration configuration) =>
        configuration.JsonWebKeySet!.Keys.Select(key => ((string?)key.KeyId, key.Alg, Base64UrlEncoder.Encode(key.ComputeJwkThumbprint())));

    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "Read {Count} keys of the issuer.")]
    private partial void LogKeys(int count);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "The issuer's keys can't be read; the last good ones stay in use. {Reason}")]
    private partial void LogAway(string reason);
}
