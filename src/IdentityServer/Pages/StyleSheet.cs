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

    public Task HandleAsync(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers.CacheControl = http.Request.Query["v"] == Version ? "public, max-age=31536000, immutable" : "public, max-age=300";
        headers.ETag = _etag;
        headers.XContentTypeOptions = "nosniff";
        if (http.Request.Headers.IfNoneMatch.ToString().Contains(_etag, StringComparison.Ordinal))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        http.Response.ContentType = "text/css; charset=utf-8";
        http.Response.ContentLength = _css.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : http.Response.BodyWriter.WriteAsync(_css, http.RequestAborted).AsTask();
    }

    private static string Hash()
    {
        using var stream = typeof(StyleSheet).Assembly.GetManifestResourceStream("style.css")!;
        return Base64Url.EncodeToString(SHA256.HashData(stream).AsSpan(0, 9));
    }
}
