using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ServiceDefaults.Storage;

namespace ServiceDefaults.Http;

/// <summary>
/// Gives every refusal that no endpoint wrote (404, 405, 413, 500, 503) the program's words. No exception ever reaches a caller.
/// Gives every request its deadline, after which the answer is 503.
/// </summary>
/// <remarks>
/// Not <c>IExceptionHandler</c>: its middleware forgets the endpoint, which log and metrics name, rewrites Cache-Control, and takes
/// a cancellation by our deadline for a caller who hung up.
/// </remarks>
internal sealed partial class FaultAnswers(
    RequestDelegate next, IFaultWords words, Drain drain, RequestDeadlines deadlines, TimeProvider timeProvider, ILogger<FaultAnswers> logger)
{
    private static readonly TimeSpan LogPause = TimeSpan.FromSeconds(1);

    private long _lastOutageLogged;

    public async Task InvokeAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        Prepare(httpContext);
        RequestDeadline? deadline = deadlines.Begin(httpContext);
        int? failed = null;
        try
        {
            await next(httpContext);
        }
        catch (OperationCanceledException) when (deadline.IsOver && !response.HasStarted)
        {
            failed = StatusCodes.Status503ServiceUnavailable;
        }
        catch (OperationCanceledException) when (httpContext.RequestAborted.IsCancellationRequested)
        {
            // The caller hung up: nobody is left to answer.
            return;
        }
        catch (Exception fault) when (!response.HasStarted)
        {
            failed = StatusOf(httpContext, fault);
        }
        finally
        {
            deadlines.End(httpContext, ref deadline);
        }

        if (failed is { } status)
        {
            // Its headers describe the answer that is not sent.
            response.Clear();
            Prepare(httpContext);
            response.StatusCode = status;
        }
        if (!response.HasStarted && response.StatusCode >= 400 && response.ContentType is null && response.ContentLength is null)
            await words.AnswerAsync(httpContext, response.StatusCode);
    }

    /// <summary>
    /// RFC 9112 §9.6: a proxy that reads <c>close</c> sends its next request elsewhere, and none into a connection that is just
    /// being closed. In HTTP/2 Kestrel sends GOAWAY when it stops.
    /// </summary>
    private void Prepare(HttpContext httpContext)
    {
        httpContext.Response.Headers.XContentTypeOptions = "nosniff";
        if (drain.IsStopping && httpContext.Request.Protocol == HttpProtocol.Http11)
            httpContext.Response.Headers.Connection = "close";
    }

    private int StatusOf(HttpContext httpContext, Exception fault)
    {
        switch (fault)
        {
            case BadHttpRequestException bad:
                return bad.StatusCode;
            // Kestrel's exception for a chunk size beyond 32 bits.
            case IOException { InnerException: OverflowException }:
                return StatusCodes.Status400BadRequest;
            case var _ when Outage.Is(fault):
                if (IsOutageDue())
                    LogOutage(RequestRoute.Of(httpContext), fault);
                return StatusCodes.Status503ServiceUnavailable;
            default:
                LogFault(RequestRoute.Of(httpContext), fault);
                return StatusCodes.Status500InternalServerError;
        }
    }

    /// <summary>Once a second: an outage fails requests by the thousand, and all for one reason.</summary>
    private bool IsOutageDue()
    {
        var last = Volatile.Read(ref _lastOutageLogged);
        return (last == 0 || timeProvider.GetElapsedTime(last) >= LogPause)
            && Interlocked.CompareExchange(ref _lastOutageLogged, timeProvider.GetTimestamp(), last) == last;
    }

    [LoggerMessage(3000, LogLevel.Error, "The database could not serve {Route}")]
    private partial void LogOutage(string route, Exception fault);

    [LoggerMessage(3001, LogLevel.Error, "A fault of ours at {Route}")]
    private partial void LogFault(string route, Exception fault);
}

internal static class FaultAnswersExtensions
{
    /// <summary>In front of everything that may fail. What Kestrel refuses by itself is answered in the same words.</summary>
    public static void UseFaultAnswers(this WebApplication app)
    {
        KestrelRefusals.Answer(app, app.Services.GetRequiredService<IFaultWords>().Describe);
        app.UseMiddleware<FaultAnswers>();
    }
}
