using IdentityServer.Http;
using IdentityServer.Protocol;
using ServiceDefaults;

namespace IdentityServer.Telemetry;

/// <summary>
/// Counts each request by its route and outcome: the OAuth error or code that the answer carries, <c>ok</c>,
/// <c>aborted</c> when the caller hung up, else the HTTP status. Times are ASP.NET Core's own <c>http.server.request.duration</c>.
/// </summary>
internal sealed class RequestOutcomes(RequestDelegate next, ServerMetrics metrics)
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
        if (httpContext.Features.Get<OAuthError>() is { } refused)
            return refused.Code;
        if (httpContext.Features.Get<ApiError>() is { } error)
            return error.Code;
        if (httpContext.RequestAborted.IsCancellationRequested)
            return "aborted";
        return httpContext.Response.StatusCode switch
        {
            < 400 => "ok",
            503 => OAuthErrorCodes.TemporarilyUnavailable,
            < 500 => "client_error",
            _ => "server_error",
        };
    }
}
