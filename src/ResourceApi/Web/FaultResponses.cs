using Npgsql;
using ServiceDefaults;
using ServiceDefaults.Storage;

namespace ResourceApi.Web;

/// <summary>
/// Gives what no endpoint answered its envelope: unknown paths, wrong methods, outages, our own faults. And every request
/// its deadline, past which it is 503.
/// </summary>
internal sealed partial class FaultResponses(RequestDelegate next, NpgsqlDataSource database, Drain drain, RequestDeadlines deadlines, ILogger<FaultResponses> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        // Set here as well for answers that the server makes without us.
        context.Response.Headers.XContentTypeOptions = "nosniff";
        // RFC 9112 §9.6: a proxy that reads this sends its next request elsewhere, and none into a connection that is just
        // being closed. HTTP/2 says the same by GOAWAY when Kestrel stops.
        if (drain.IsStopping && context.Request.Protocol == HttpProtocol.Http11)
            context.Response.Headers.Connection = "close";
        RequestDeadline? deadline = deadlines.Begin(context);
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (deadline.IsOver && !context.Response.HasStarted)
        {
            deadlines.End(context, ref deadline);
            context.Response.Headers.ETag = default;
            context.Response.Headers.Location = default;
            await Envelope.RefuseAsync(context, Refusal.TooSlow);
            return;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to answer.
            return;
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            // Past the deadline the answer itself could not be written.
            deadlines.End(context, ref deadline);
            await AnswerAsync(context, e);
            return;
        }
        finally
        {
            deadlines.End(context, ref deadline);
        }

        if (context.Response.HasStarted || context.Response.ContentType is not null)
            return;
        if (context.Response.StatusCode == StatusCodes.Status404NotFound)
            await Envelope.RefuseAsync(context, Refusal.NotFound);
        else if (context.Response.StatusCode == StatusCodes.Status405MethodNotAllowed)
            await Envelope.RefuseAsync(context, Refusal.MethodNotAllowed);
    }

    /// <summary>What Kestrel refuses before there is a request.</summary>
    internal static (string Name, string Value)[] DescribeNoRequest(KestrelRefusal refused)
    {
        var refusal = refused.IsOfPath && refused.Path.StartsWith(RawPath.Items + "/", StringComparison.OrdinalIgnoreCase) ? Refusal.InvalidKey : Refusal.MalformedRequest;
        return [("status", "error"), ("code", refusal.Code), ("message", refusal.Message)];
    }

    private Task AnswerAsync(HttpContext context, Exception e)
    {
        var headers = context.Response.Headers;
        // What was said of an answer that is not given: a validator, a place.
        headers.ETag = default;
        headers.Location = default;

        if (e is BadHttpRequestException bad)
            return Envelope.RefuseAsync(context, bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? Refusal.PayloadTooLarge : Refusal.MalformedRequest);

        // What Kestrel makes of a chunk whose size is past 32 bits.
        if (e is IOException { InnerException: OverflowException })
            return Envelope.RefuseAsync(context, Refusal.MalformedRequest);

        if (Outage.Is(e))
        {
            LogOutage(e.GetType().Name, Outage.Describe(e));
            // The other pooled connections are as dead as this one; the next request must not find out one by one.
            if (Outage.BreaksConnections(e))
                database.Clear();
            return Envelope.RefuseAsync(context, Refusal.DatabaseAway);
        }

        LogFault(e, context.Request.Method);
        return Envelope.RefuseAsync(context, Refusal.InternalError);
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message = "The database did not answer: {Kind}: {Reason}")]
    private partial void LogOutage(string kind, string reason);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "A {Method} request failed.")]
    private partial void LogFault(Exception exception, string method);
}
