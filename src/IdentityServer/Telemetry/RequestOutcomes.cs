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
    public Task InvokeAsync(HttpContext http) => metrics.CountsRequests ? CountAsync(http) : next(http);

    private async Task CountAsync(HttpContext http)
    {
        try
        {
            await next(http);
        }
        finally
        {
            metrics.Answered(RequestRoute.Of(http), OutcomeOf(http));
        }
    }

    private static string OutcomeOf(HttpContext http)
    {
        if (http.Features.Get<OAuthError>() is { } refused)
            return refused.Code;
        if (http.Features.Get<ApiError>() is { } error)
            return error.Code;
        if (http.RequestAborted.IsCancellationRequested)
            return "aborted";
        return http.Response.StatusCode switch
        {
            < 400 => "ok",
            503 => OAuthErrorCodes.TemporarilyUnavailable,
            < 500 => "client_error",
            _ => "server_error",
        };
    }
}
