using Npgsql;
using ServiceDefaults;
using ServiceDefaults.Storage;

namespace ResourceApi.Web;

/// <summary>
/// Answers in the envelope where no endpoint does: unknown paths, wrong methods, outages, our own faults. Gives every
/// request its deadline, after which the answer is 503.
/// </summary>
internal sealed partial class FaultResponses(RequestDelegate next, NpgsqlDataSource database, Drain drain, RequestDeadlines deadlines, ILogger<FaultResponses> logger)
{
    public async Task InvokeAsync(HttpContext httpContext)
    {
        // Set here too, for answers that the server makes without us.
        httpContext.Response.Headers.XContentTypeOptions = "nosniff";
        // RFC 9112 §9.6: a proxy that reads this sends its next request elsewhere, and none into a connection that is just
        // being closed. In HTTP/2 Kestrel sends GOAWAY when it stops.
        if (drain.IsStopping && httpContext.Request.Protocol == HttpProtocol.Http11)
            httpContext.Response.Headers.Connection = "close";
        RequestDeadline? deadline = deadlines.Begin(httpContext);
        try
        {
            await next(httpContext);
        }
        catch (OperationCanceledException) when (deadline.IsOver && !httpContext.Response.HasStarted)
        {
            deadlines.End(httpContext, ref deadline);
            httpContext.Response.Headers.ETag = default;
            httpContext.Response.Headers.Location = default;
            await Envelope.RefuseAsync(httpContext, Refusal.TooSlow);
            return;
        }
        catch (OperationCanceledException) when (httpContext.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to answer.
            return;
        }
        catch (Exception e) when (!httpContext.Response.HasStarted)
        {
            // After the deadline not even the answer could be written.
            deadlines.End(httpContext, ref deadline);
            await AnswerAsync(httpContext, e);
            return;
        }
        finally
        {
            deadlines.End(httpContext, ref deadline);
        }

        if (httpContext.Response.HasStarted || httpContext.Response.ContentType is not null)
            return;
        if (httpContext.Response.StatusCode == StatusCodes.Status404NotFound)
            await Envelope.RefuseAsync(httpContext, Refusal.NotFound);
        else if (httpContext.Response.StatusCode == StatusCodes.Status405MethodNotAllowed)
            await Envelope.RefuseAsync(httpContext, Refusal.MethodNotAllowed);
    }

    /// <summary>What Kestrel refuses before there is a request.</summary>
    internal static (string Name, string Value)[] DescribeNoRequest(KestrelRefusal refused)
    {
        var refusal = refused.IsOfPath && refused.Path.StartsWith(RawPath.Items + "/", StringComparison.OrdinalIgnoreCase) ? Refusal.InvalidKey : Refusal.MalformedRequest;
        return [("status", "error"), ("code", refusal.Code), ("message", refusal.Message)];
    }

    private Task AnswerAsync(HttpContext httpContext, Exception e)
    {
        var headers = httpContext.Response.Headers;
        // They describe the answer that is not sent.
        headers.ETag = default;
        headers.Location = default;

        if (e is BadHttpRequestException bad)
            return Envelope.RefuseAsync(httpContext, bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? Refusal.PayloadTooLarge : Refusal.MalformedRequest);

        // Kestrel's exception for a chunk size beyond 32 bits.
        if (e is IOException { InnerException: OverflowException })
            return Envelope.RefuseAsync(httpContext, Refusal.MalformedRequest);

        if (Outage.Is(e))
        {
            LogOutage(e.GetType().Name, Outage.Describe(e));
            // The other pooled connections are as dead as this one; requests must not find out one by one.
            if (Outage.BreaksConnections(e))
                database.Clear();
            return Envelope.RefuseAsync(httpContext, Refusal.DatabaseAway);
        }

        LogFault(e, httpContext.Request.Method);
        return Envelope.RefuseAsync(httpContext, Refusal.InternalError);
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message = "The database did not answer: {Kind}: {Reason}")]
    private partial void LogOutage(string kind, string reason);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "A {Method} request failed.")]
    private partial void LogFault(Exception exception, string method);
}
