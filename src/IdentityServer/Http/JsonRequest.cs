using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace IdentityServer.Http;

/// <summary>Why a body is no JSON object that can be used.</summary>
internal enum JsonFault
{
    None,
    NoBody,

    /// <summary>By its <c>Content-Type</c>.</summary>
    NotJson,
    TooLarge,
    Malformed,
}

/// <summary>Reads the body of a request as one JSON object in UTF-8, each member once at any depth, nothing behind it.</summary>
internal static class JsonRequest
{
    /// <summary>Octets.</summary>
    public const int MaximumLength = 64 * 1024;

    private const int MaximumDepth = 16;

    public static async ValueTask<(JsonDocument? Document, JsonFault Fault)> ReadAsync(HttpContext httpContext)
    {
        var contentType = httpContext.Request.ContentType;
        if (contentType is null && httpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false })
            return (null, JsonFault.NoBody);
        if (!IsJson(contentType))
            return (null, JsonFault.NotJson);
        if (httpContext.Request.ContentLength > MaximumLength)
            return (null, JsonFault.TooLarge);

        // Not from a pool: it may hold a password.
        var bytes = new ArrayBufferWriter<byte>(1024);
        while (true)
        {
            var read = await httpContext.Request.BodyReader.ReadAsync(httpContext.RequestAborted);
            var isTooLarge = bytes.WrittenCount + read.Buffer.Length > MaximumLength;
            foreach (var segment in isTooLarge ? default : read.Buffer)
                bytes.Write(segment.Span);
            httpContext.Request.BodyReader.AdvanceTo(read.Buffer.End);
            if (isTooLarge)
                return (null, JsonFault.TooLarge);
            if (read.IsCompleted)
                return bytes.WrittenCount == 0 ? (null, JsonFault.NoBody) : Parse(bytes.WrittenMemory);
        }
    }

    private static (JsonDocument?, JsonFault) Parse(ReadOnlyMemory<byte> json)
    {
        if (!Utf8.IsValid(json.Span) || !TryParse(json, out var document))
            return (null, JsonFault.Malformed);
        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return (document, JsonFault.None);
        document.Dispose();
        return (null, JsonFault.Malformed);
    }

    private static bool TryParse(ReadOnlyMemory<byte> json, [NotNullWhen(true)] out JsonDocument? document)
    {
        document = null;
        try
        {
            document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaximumDepth, AllowDuplicateProperties = false });
            return true;
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            // The second is thrown for member names with lone surrogates.
            return false;
        }
    }

    private static bool IsJson(string? contentType)
    {
        const string json = "application/json";
        return MediaTypeHeaderValue.TryParse(contentType, out var parsed)
            && parsed.MediaType.Equals(json, StringComparison.OrdinalIgnoreCase)
            && (!parsed.Charset.HasValue || HeaderUtilities.RemoveQuotes(parsed.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
    }
}
