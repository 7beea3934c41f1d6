using System.Diagnostics;
using Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Observability;

/// <summary>
/// A line for each request, of nothing that the caller could have put a secret in. In the category of ASP.NET Core's own
/// request lines, whose place it takes: who asks for those gets these.
/// </summary>
internal sealed partial class RequestLines(LoggerFactory loggers) : IStartupFilter
{
    public const string Category = "Microsoft.AspNetCore.Hosting.Diagnostics";

    private static readonly string[] Methods =
        [HttpMethods.Get, HttpMethods.Head, HttpMethods.Post, HttpMethods.Put, HttpMethods.Delete, HttpMethods.Patch, HttpMethods.Options, HttpMethods.Trace, HttpMethods.Connect];

    // Of the factory behind the guard, which silences the category for everybody else.
    private readonly ILogger _logger = loggers.CreateLogger(Category);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(following => http => _logger.IsEnabled(LogLevel.Information) ? TellAsync(http, following) : following(http));
        next(app);
    };

    private async Task TellAsync(HttpContext http, RequestDelegate next)
    {
        var begun = Stopwatch.GetTimestamp();
        try
        {
            await next(http);
        }
        finally
        {
            // A method that the caller made up may be anything.
            var method = Array.Find(Methods, known => HttpMethods.Equals(known, http.Request.Method)) ?? "_OTHER";
            LogAnswered(_logger, method, RequestRoute.Of(http), http.Response.StatusCode, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
    }

    [LoggerMessage(5020, LogLevel.Information, "{Method} {Route} answered {Status} in {Milliseconds:F1} ms")]
    private static partial void LogAnswered(ILogger logger, string method, string route, int status, double milliseconds);
}
