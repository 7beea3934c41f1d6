using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>
/// Suppresses OpenIddict's logs about its transactions: at Trace they hold whole tokens, and while the issuer is unreachable
/// they have an error with its stack at each attempt. <see cref="IssuerKeys"/> logs that once, with the reason kept here.
/// </summary>
internal sealed class QuietTransactions(IServiceProvider provider) : IOpenIddictValidationFactory
{
    private readonly FailureLog _log = new();

    /// <summary>Why a request to the issuer failed, which OpenIddict's own exception leaves out.</summary>
    public Exception? Failure { get => _log.Failure; set => _log.Failure = value; }

    public ValueTask<OpenIddictValidationTransaction> CreateTransactionAsync() =>
        // Resolved late: those options wait for IssuerKeys, which waits for this.
        new(new OpenIddictValidationTransaction { Logger = _log, Options = provider.GetRequiredService<IOptionsMonitor<OpenIddictValidationOptions>>().CurrentValue });

    private sealed class FailureLog : ILogger
    {
        /// <summary>OpenIddict's event: a request could not be sent, or its answer could not be read.</summary>
        private const int RequestFailed = 6182;

        public Exception? Failure { get; set; }

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == RequestFailed)
                Failure = exception;
        }

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
    }
}
