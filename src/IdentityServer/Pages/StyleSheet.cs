using System.Buffers.Text;
using System.Security.Cryptography;

namespace IdentityServer.Pages;

/// <summary>The stylesheet of all pages. Its address contains its hash, so that browsers can cache it forever.</summary>
internal sealed class StyleSheet
{
    private readonly byte[] _css;
    private readonly string _etag;

    public StyleSheet()
    {
        using var stream = typeof(StyleSheet).Assembly.GetManifestResourceStream("style.css")!;
        _css = new byte[stream.Length];
        stream.ReadExactly(_css);
        _etag = $"\"{Version}\"";
    }

    /// <summary>Changes with the content.</summary>
    public static string Version { get; } = Hash();

    public Task HandleAsync(HttpContext httpContext)
    {
        var headers = httpContext.Response.Headers;
        headers.CacheControl = httpContext.Request.Query["v"] == Version ? "public, max-age=31536000, immutable" : "public, max-age=300";
        headers.ETag = _etag;
        headers.XContentTypeOptions = "nosniff";
        if (httpContext.Request.Headers.IfNoneMatch.ToString().Contains(_etag, StringComparison.Ordinal))
        {
            httpContext.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        httpContext.Response.ContentType = "text/css; charset=utf-8";
        httpContext.Response.ContentLength = _css.Length;
        return HttpMethods.IsHead(httpContext.Request.Method) ? Task.CompletedTask : httpContext.Response.BodyWriter.WriteAsync(_css, httpContext.RequestAborted).AsTask();
    }

    private static string Hash()
    {
        using var stream = typeof(StyleSheet).Assembly.GetManifestResourceStream("style.css")!;
        return Base64Url.EncodeToString(SHA256.HashData(stream).AsSpan(0, 9));
    }
}
