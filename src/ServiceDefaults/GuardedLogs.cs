using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace ServiceDefaults;

/// <summary>
/// Keeps out of the log what callers sent and what would report a failed start twice. A filter could not: a rule in
/// <c>Logging:Console:LogLevel</c> overrides every filter that the program adds.
/// </summary>
internal static class GuardedLogs
{
    public static void Add(WebApplicationBuilder builder, Func<bool> isStarted)
    {
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

        // The container disposes of the inner factory.
        public void Dispose()
        {
        }

        /// <summary>Which levels of a category are let through; null for all.</summary>
        private Func<LogLevel, bool>? AllowedFor(string category) => category switch
        {
            // Request lines with their query; RequestLines writes ours instead.
            RequestLines.Category => Nothing,
            // A request line or a header as the caller sent it.
            "Microsoft.AspNetCore.Server.Kestrel.BadRequests" => Nothing,
            // Origin and X-Forwarded-For as the caller sent them.
            "Microsoft.AspNetCore.Cors.Infrastructure.CorsService" or "Microsoft.AspNetCore.HttpOverrides.ForwardedHeadersMiddleware" => Nothing,
            // Paths, which may hold a key of somebody's data.
            "Microsoft.AspNetCore.Routing.Matching.DfaMatcher" => Nothing,
            // Whole requests and responses.
            "Microsoft.AspNetCore.HttpLogging.HttpLoggingMiddleware" => Nothing,
            // Where a redirect leads, with code and state.
            _ when category.StartsWith("Microsoft.AspNetCore.Http.Result.", StringComparison.Ordinal) => Nothing,
            // Addresses and headers of the calls that we make.
            _ when category.StartsWith("System.Net.Http.HttpClient.", StringComparison.Ordinal) => Nothing,
            // Below Warning it logs a key of the ring as it is stored.
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
