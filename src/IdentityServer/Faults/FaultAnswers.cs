using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using ServiceDefaults;
using ServiceDefaults.Storage;

namespace IdentityServer.Faults;

/// <summary>
/// Gives every refusal that no endpoint wrote (404, 405, 413, 500, 503) the body of its family: OAuth errors below
/// <c>/connect</c> and <c>/.well-known</c>, a page where people come by browser, the envelope elsewhere. No exception ever
/// reaches a caller. And gives every request its deadline, past which it is 503.
/// </summary>
internal sealed partial class FaultAnswers(
    RequestDelegate next, Drain drain, RequestDeadlines deadlines, PageWriter pages, IssuerSettings issuer, TimeProvider timeProvider, ILogger<FaultAnswers> logger)
{
    /// <summary>Where people come with their browser.</summary>
    private static readonly string[] BrowserRoutes = [PageRoutes.Account, PageRoutes.Device, ProtocolRoutes.Authorize, ProtocolRoutes.EndSession];

    private static readonly TimeSpan LogPause = TimeSpan.FromSeconds(1);

    private long _lastOutageLogged;

    public async Task InvokeAsync(HttpContext httpContext)
    {
        CloseWhenStopping(httpContext);
        RequestDeadline? deadline = deadlines.Begin(httpContext);
        try
        {
            await next(httpContext);
        }
        catch (OperationCanceledException) when (deadline.IsOver && !httpContext.Response.HasStarted)
        {
            httpContext.Response.Clear();
            CloseWhenStopping(httpContext);
            httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
        catch (OperationCanceledException) when (httpContext.RequestAborted.IsCancellationRequested)
        {
            // The caller hung up: nobody is left to answer.
            return;
        }
        catch (Exception fault) when (!httpContext.Response.HasStarted)
        {
            httpContext.Response.Clear();
            CloseWhenStopping(httpContext);
            httpContext.Response.StatusCode = StatusOf(httpContext, fault);
        }
        finally
        {
            deadlines.End(httpContext, ref deadline);
        }

        if (!httpContext.Response.HasStarted && httpContext.Response.StatusCode >= 400 && httpContext.Response.ContentType is null && httpContext.Response.ContentLength is null)
            await AnswerAsync(httpContext);
    }

    /// <summary>
    /// RFC 9112 §9.6: a proxy that reads this sends its next request elsewhere, and none into a connection that is just
    /// being closed. HTTP/2 says the same by GOAWAY when Kestrel stops.
    /// </summary>
    private void CloseWhenStopping(HttpContext httpContext)
    {
        if (drain.IsStopping && httpContext.Request.Protocol == HttpProtocol.Http11)
            httpContext.Response.Headers.Connection = "close";
    }

    private int StatusOf(HttpContext httpContext, Exception fault)
    {
        switch (fault)
        {
            case BadHttpRequestException bad:
                return bad.StatusCode;
            // What Kestrel makes of a chunk whose size is past 32 bits.
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

    private Task AnswerAsync(HttpContext httpContext)
    {
        var status = httpContext.Response.StatusCode;
        var path = httpContext.Request.Path;
        if (IsForReaders(httpContext))
            return AnswerReaderAsync(httpContext, status);
        if (path.StartsWithSegments("/connect") || path.StartsWithSegments("/.well-known"))
        {
            return OAuthAnswer.WriteAsync(httpContext, status switch
            {
                404 => Errors.NotFound,
                405 => Errors.MethodNotAllowed,
                413 => Errors.BodyTooLarge,
                503 => Errors.Unavailable,
                500 => Errors.Fault,
                _ => Errors.MalformedForm with { Status = (System.Net.HttpStatusCode)status },
            });
        }
        return Envelope.ErrorAsync(httpContext, status switch
        {
            401 => ApiErrors.TokenMissing,
            404 => ApiErrors.NotFound,
            405 => ApiErrors.MethodNotAllowed,
            413 => ApiErrors.PayloadTooLarge,
            415 => ApiErrors.UnsupportedMediaType,
            503 => ApiErrors.ServiceUnavailable,
            500 => ApiErrors.InternalError,
            _ => ApiErrors.InvalidRequest with { Status = (System.Net.HttpStatusCode)status },
        });
    }

    /// <summary>What Kestrel refuses before there is a request; its headers, and with them what the caller would read, are unknown.</summary>
    internal static (string Name, string Value)[] DescribeNoRequest(KestrelRefusal refused) =>
        refused.Path.StartsWith("/connect/", StringComparison.OrdinalIgnoreCase) || refused.Path.StartsWith("/.well-known/", StringComparison.OrdinalIgnoreCase)
            ? [("error", Errors.NotHttp.Code), ("error_description", Errors.NotHttp.Description)]
            : [("status", "error"), ("code", ApiErrors.InvalidRequest.Code), ("message", ApiErrors.InvalidRequest.Message)];

    /// <summary>A person follows a link here; a program that asks for JSON gets JSON.</summary>
    private static bool IsForReaders(HttpContext httpContext) =>
        Array.Exists(BrowserRoutes, route => httpContext.Request.Path.StartsWithSegments(route))
        && httpContext.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    private Task AnswerReaderAsync(HttpContext httpContext, int status) => status switch
    {
        404 => pages.RefuseAsync(httpContext, status, "not_found", issuer.Path + PageRoutes.Account, linkText: "confirmed.link"),
        405 => pages.RefuseAsync(httpContext, status, "method", issuer.Path + PageRoutes.Account, linkText: "confirmed.link"),
        413 => pages.RefuseAsync(httpContext, status, "too_large", link: null),
        503 => pages.RefuseAsync(httpContext, status, "unavailable", link: null, Errors.Unavailable.RetryAfter),
        500 => pages.RefuseAsync(httpContext, status, "fault", link: null),
        _ => pages.RefuseAsync(httpContext, status, "malformed", link: null),
    };

    [LoggerMessage(3000, LogLevel.Error, "The database could not serve {Route}")]
    private partial void LogOutage(string route, Exception fault);

    [LoggerMessage(3001, LogLevel.Error, "A fault of ours at {Route}")]
    private partial void LogFault(string route, Exception fault);
}
