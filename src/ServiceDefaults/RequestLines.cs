using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ServiceDefaults;

/// <summary>
/// Logs a line for each request, without anything that a caller could have put a secret in. It uses the category of
/// ASP.NET Core's own request lines, which it replaces.
/// </summary>
internal sealed partial class RequestLines(LoggerFactory loggers) : IStartupFilter
{
    public const string Category = "Microsoft.AspNetCore.Hosting.Diagnostics";

    private static readonly string[] Methods =
        [HttpMethods.Get, HttpMethods.Head, HttpMethods.Post, HttpMethods.Put, HttpMethods.Delete, HttpMethods.Patch, HttpMethods.Options, HttpMethods.Trace, HttpMethods.Connect];

    // From the inner factory: the guard silences this category for everybody else.
    private readonly ILogger _logger = loggers.CreateLogger(Category);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(following => httpContext => _logger.IsEnabled(LogLevel.Information) ? LogAsync(httpContext, following) : following(httpContext));
        next(app);
    };

    private async Task LogAsync(HttpContext httpContext, RequestDelegate next)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            await next(httpContext);
        }
        finally
        {
            // A method that the caller made up could be anything.
            var method = Array.Find(Methods, known => HttpMethods.Equals(known, httpContext.Request.Method)) ?? "_OTHER";
            LogAnswered(_logger, method, RequestRoute.Of(httpContext), httpContext.Response.StatusCode, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }

    [LoggerMessage(5020, LogLevel.Information, "{Method} {Route} answered {Status} in {Milliseconds:F1} ms")]
    private static partial void LogAnswered(ILogger logger, string method, string route, int status, double milliseconds);
}
