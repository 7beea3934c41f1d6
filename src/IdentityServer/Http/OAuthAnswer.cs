using System.Text.Json;
using IdentityServer.Protocol;

namespace IdentityServer.Http;

/// <summary>Writes answers of the protocol endpoints: JSON, never stored (RFC 6749 §5.1).</summary>
internal static class OAuthAnswer
{
    /// <param name="write">Fills the answer's object.</param>
    public static Task WriteAsync<T>(HttpContext httpContext, int status, T what, Action<Utf8JsonWriter, T> write)
    {
        NeverStored(httpContext, status);
        return JsonAnswer.WriteAsync(httpContext.Response, what, write);
    }

    /// <summary>Leaves the error with the request, for those who count.</summary>
    public static Task WriteAsync(HttpContext httpContext, OAuthError error)
    {
        httpContext.Features.Set(error);
        if (error.ChallengesClient)
            httpContext.Response.Headers.WWWAuthenticate = "Basic realm=\"IdentityServer\", charset=\"UTF-8\"";
        httpContext.Response.TellWait(error.RetryAfter);
        return WriteAsync(httpContext, (int)error.Status, error, static (json, error) =>
        {
            json.WriteString("error", error.Code);
            json.WriteString("error_description", error.Description);
        });
    }

    /// <summary>RFC 6749 §3.3: a scope has one token at least, so that an empty one is left out.</summary>
    public static void WriteScope(Utf8JsonWriter json, string scope)
    {
        if (scope.Length > 0)
            json.WriteString(Parameters.Scope, scope);
    }

    private static void NeverStored(HttpContext httpContext, int status)
    {
        httpContext.Response.StatusCode = status;
        httpContext.Response.Headers.CacheControl = "no-store";
        httpContext.Response.Headers.Pragma = "no-cache";
    }
}
