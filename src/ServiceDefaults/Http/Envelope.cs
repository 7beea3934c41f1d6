using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace ServiceDefaults.Http;

/// <summary>
/// The shape of every answer: <c>{"status":"success","message","data"}</c> or <c>{"status":"error","code","message"}</c>. Never
/// stored, unless whoever answers allows it.
/// </summary>
internal static class Envelope
{
    /// <param name="data">Fills the object <c>data</c>; left out if null. It must not await.</param>
    public static Task SuccessAsync(HttpContext httpContext, HttpStatusCode status, string message, Action<Utf8JsonWriter>? data = null) =>
        SuccessAsync(httpContext, status, message, data, data is null ? null : static (json, write) => write!(json));

    /// <param name="write">Fills the object <c>data</c>; left out if null. It must not await.</param>
    public static Task SuccessAsync<T>(HttpContext httpContext, HttpStatusCode status, string message, T what, Action<Utf8JsonWriter, T>? write)
    {
        var response = httpContext.Response;
        response.StatusCode = (int)status;
        if (response.Headers.CacheControl.Count == 0)
            response.Headers.CacheControl = "no-store";
        return JsonAnswer.WriteAsync(response, (message, what, write), static (json, answer) =>
        {
            json.WriteString("status"u8, "success"u8);
            json.WriteString("message"u8, answer.message);
            if (answer.write is null)
                return;
            json.WriteStartObject("data"u8);
            answer.write(json, answer.what);
            json.WriteEndObject();
        });
    }

    public static Task ErrorAsync(HttpContext httpContext, ApiError error)
    {
        httpContext.Features.Set(new ErrorCode(error.Code));
        var response = httpContext.Response;
        response.StatusCode = (int)error.Status;
        response.Headers.CacheControl = "no-store";
        response.TellWait(error.RetryAfter);
        if (error.Challenge is not null)
            response.Headers.WWWAuthenticate = error.Challenge;
        return JsonAnswer.WriteAsync(response, error, static (json, error) =>
        {
            foreach (var (name, value) in Members(error))
                json.WriteString(name, value);
        });
    }

    /// <summary>The body of an error.</summary>
    public static (string Name, string Value)[] Members(ApiError error) => [("status", "error"), ("code", error.Code), ("message", error.Message)];
}
