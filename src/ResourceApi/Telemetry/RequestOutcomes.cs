using ServiceDefaults;

namespace ResourceApi.Telemetry;

/// <summary>The code of an error answer, left with the request for those who count.</summary>
internal sealed record ErrorCode(string Code);

/// <summary>
/// Counts each request by its route and outcome: the code that the answer carries, <c>ok</c>, <c>aborted</c> when the
/// caller hung up, else what kind of status it has.
/// </summary>
internal sealed class RequestOutcomes(RequestDelegate next, ApiMetrics metrics)
{
    public Task InvokeAsync(HttpContext context) => metrics.CountsRequests ? CountAsync(context) : next(context);

    private async Task CountAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        finally
        {
            metrics.Answered(RequestRoute.Of(context), OutcomeOf(context));
        }
    }

    private static string OutcomeOf(HttpContext context)
    {
        if (context.Features.Get<ErrorCode>() is { } error)
            return error.Code;
        if (context.RequestAborted.IsCancellationRequested)
            return "aborted";
        return context.Response.StatusCode switch
        {
            < 400 => "ok",
            < 500 => "client_error",
            _ => "server_error",
        };
    }
}
