using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace ServiceDefaults.Http;

/// <summary>The code of an error answer, kept with the request for the metrics.</summary>
internal sealed record ErrorCode(string Code);

/// <summary>
/// Counts each request by its route and outcome: the code that the answer carries, <c>ok</c>, <c>aborted</c> when the caller hung
/// up, otherwise the kind of status. Times are ASP.NET Core's own <c>http.server.request.duration</c>.
/// </summary>
internal static class RequestOutcomes
{
    public static void UseRequestOutcomes(this IApplicationBuilder app, Counter<long> requests) =>
        app.Use(next => httpContext => requests.Enabled ? CountAsync(httpContext, next, requests) : next(httpContext));

    private static async Task CountAsync(HttpContext httpContext, RequestDelegate next, Counter<long> requests)
    {
        try
        {
            await next(httpContext);
        }
        finally
        {
            requests.Add(1, new("http.route", RequestRoute.Of(httpContext)), new("outcome", OutcomeOf(httpContext)));
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
            503 => "temporarily_unavailable",
            < 500 => "client_error",
            _ => "server_error",
        };
    }
}
