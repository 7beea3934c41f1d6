using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Observability;

/// <summary>
/// Keeps what callers sent out of the log, and what would repeat a failed start. Filters can't: a rule below
/// <c>Logging:Console:LogLevel</c> outranks every filter of the program's.
/// </summary>
public static class GuardedLogs
{
    /// <param name="isStarted">A failed start is one line of the program's: until then the host and Data Protection say nothing of theirs.</param>
    public static void AddGuardedLogs(this WebApplicationBuilder builder, Func<bool> isStarted)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(isStarted);
        builder.Services.AddSingleton<LoggerFactory>();
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(services => new GuardedLoggerFactory(services.GetRequiredService<LoggerFactory>(), isStarted)));
        builder.Services.AddSingleton<IStartupFilter, RequestLines>();
    }

    private sealed class GuardedLoggerFactory(LoggerFactory loggers, Func<bool> isStarted) : ILoggerFactory
    {
        public ILogger CreateLogger(string categoryName) => AllowedFor(categoryName) is { } allows
            ? new GuardedLogger(loggers.CreateLogger(categoryName), allows)
            : loggers.CreateLogger(categoryName);

        public void AddProvider(ILoggerProvider provider) => loggers.AddProvider(provider);

        // The container disposes of the factory behind.
        public void Dispose()
        {
        }

        /// <summary>Which levels of a category are let through; null for all.</summary>
        private Func<LogLevel, bool>? AllowedFor(string category) => category switch
        {
            // Request lines with their query; RequestLines writes ours in their place.
            RequestLines.Category => Nothing,
            // A request line or a header as it was sent.
            "Microsoft.AspNetCore.Server.Kestrel.BadRequests" => Nothing,
            // Origin and X-Forwarded-For as they were sent.
            "Microsoft.AspNetCore.Cors.Infrastructure.CorsService" or "Microsoft.AspNetCore.HttpOverrides.ForwardedHeadersMiddleware" => Nothing,
            // Paths, which may hold a key of somebody's data.
            "Microsoft.AspNetCore.Routing.Matching.DfaMatcher" => Nothing,
            // Whole requests and answers.
            "Microsoft.AspNetCore.HttpLogging.HttpLoggingMiddleware" => Nothing,
            // Where a redirect leads, with code and state.
            _ when category.StartsWith("Microsoft.AspNetCore.Http.Result.", StringComparison.Ordinal) => Nothing,
            // Addresses and headers of our own calls.
            _ when category.StartsWith("System.Net.Http.HttpClient.", StringComparison.Ordinal) => Nothing,
            // Below a warning, a key of the ring as it is stored.
            _ when category.StartsWith("Microsoft.AspNetCore.DataProtection", StringComparison.Ordinal) => level => level >= LogLevel.Warning && isStarted(),
            "Microsoft.Extensions.Hosting.Internal.Host" => level => level >= LogLevel.Information && isStarted(),
            _ => null,
        };

        private static bool Nothing(LogLevel level) => false;
    }

    private sealed class GuardedLogger(ILogger logger, Func<LogLevel, bool> allows) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => logger.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => allows(logLevel) && logger.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (allows(logLevel))
                logger.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
