using System.Net;
using System.Text.Json;

namespace IdentityServer.Http;

/// <summary>A refusal of the account API.</summary>
/// <param name="Message">For people: constant ASCII, never an echo of input.</param>
/// <param name="RetryAfter">When to come back; null where waiting does not help.</param>
internal sealed record ApiError(string Code, string Message, HttpStatusCode Status, TimeSpan? RetryAfter = null)
{
    /// <summary>For <c>WWW-Authenticate</c>.</summary>
    public string? Challenge { get; init; }
}

/// <summary>The envelope of the account API: <c>status</c>, <c>message</c>, and <c>data</c> or <c>code</c>.</summary>
internal static class Envelope
{
    /// <param name="data">Fills the object <c>data</c>; left out when null.</param>
    public static async Task SuccessAsync(HttpContext httpContext, HttpStatusCode status, string message, Action<Utf8JsonWriter>? data = null)
    {
        Start(httpContext, status);
        await using (var json = new Utf8JsonWriter(httpContext.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteString("status", "success");
            json.WriteString("message", message);
            if (data is not null)
            {
                json.WriteStartObject("data");
                data(json);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // What is ready goes out, though the deadline be past by now; Kestrel does not wait long for who does not read.
        await httpContext.Response.BodyWriter.FlushAsync(CancellationToken.None);
    }

    /// <summary>Leaves the error with the request, for those who count.</summary>
    public static async Task ErrorAsync(HttpContext httpContext, ApiError error)
    {
        httpContext.Features.Set(error);
        Start(httpContext, error.Status);
        httpContext.Response.TellWait(error.RetryAfter);
        if (error.Challenge is not null)
            httpContext.Response.Headers.WWWAuthenticate = error.Challenge;
        await using (var json = new Utf8JsonWriter(httpContext.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteString("status", "error");
            json.WriteString("code", error.Code);
            json.WriteString("message", error.Message);
            json.WriteEndObject();
        }
        await httpContext.Response.BodyWriter.FlushAsync(CancellationToken.None);
    }

    private static void Start(HttpContext httpContext, HttpStatusCode status)
    {
        httpContext.Response.StatusCode = (int)status;
        httpContext.Response.ContentType = "application/json";
        httpContext.Response.Headers.CacheControl = "no-store";
    }
}
