using System.Globalization;
using Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Observability;

/// <summary>Gives the span of a request its name, route and status (OpenTelemetry's conventions), which ASP.NET Core leaves to a library.</summary>
internal sealed class RequestSpans : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(DescribeAsync);
        next(app);
    };

    private static async Task DescribeAsync(HttpContext http, RequestDelegate next)
    {
        await next(http);
        if (http.Features.Get<IHttpActivityFeature>()?.Activity is not { IsAllDataRequested: true } span)
            return;
        var status = http.Response.StatusCode;
        span.SetTag("http.response.status_code", status);
        if (status >= 500)
            span.SetTag("error.type", status.ToString(CultureInfo.InvariantCulture));
        // Of no route the method alone; it is "_OTHER" when the caller made one up.
        var method = span.GetTagItem("http.request.method") as string ?? "_OTHER";
        var route = RequestRoute.Of(http);
        var isMatched = route != RequestRoute.None;
        span.SetTag("http.route", isMatched ? route : null);
        span.DisplayName = isMatched ? $"{method} {route}" : method;
    }
}
