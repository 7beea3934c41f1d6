using ServiceDefaults;

namespace ResourceApi.Telemetry;

/// <summary>The code of an error answer, kept with the request for the metrics.</summary>
internal sealed record ErrorCode(string Code);

/// <summary>
/// Counts each request by its route and outcome: the code that the answer carries, <c>ok</c>, <c>aborted</c> when the
/// caller hung up, otherwise the kind of status.
/// </summary>
internal sealed class RequestOutcomes(RequestDelegate next, ApiMetrics metrics)
{
    public Task InvokeAsync(HttpContext httpContext) => metrics.CountsRequests ? CountAsync(httpContext) : next(httpContext);

    private async Task CountAsync(HttpContext httpContext)
    {
        try
        {
            await next(httpContext);
        }
        finally
        {
            metrics.Answered(RequestRoute.Of(httpContext), OutcomeOf(httpContext));
        }
    }

    private static string OutcomeOf(HttpContext httpContext)
    {
        if (httpContext.Features.Get<ErrorCode>() is { } error)
            return error.Code;
        if (httpContext.RequestAborted.IsCancellationRequested)
            return "aborted";
        return httpContext.Response.StatusCode switch
        {
            < 400 => "ok",
            < 500 => "client_error",
            _ => "server_error",
        };
    }
}
