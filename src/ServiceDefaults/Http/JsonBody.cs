using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace ServiceDefaults.Http;

/// <summary>Why a body can't be used.</summary>
internal enum JsonFault
{
    None,
    NoBody,

    /// <summary>By its <c>Content-Type</c> or <c>Content-Encoding</c>.</summary>
    NotJson,
    TooLarge,
    Malformed,
}

/// <summary>The body of a request: one JSON object in UTF-8, each member once at any depth, nothing after it. Unknown members are ignored.</summary>
internal sealed class JsonBody : IDisposable
{
    /// <summary>Bytes.</summary>
    public const int UsualLength = 64 * 1024;

    // RFC 8259 §4 leaves duplicate members open; two readers that disagree about them are a security hole.
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    private readonly JsonDocument _document;

    private JsonBody(JsonDocument document) => _document = document;

    public JsonElement Root => _document.RootElement;

    /// <param name="maximumLength">Bytes.</param>
    /// <returns>No body: the fault says why.</returns>
    public static async ValueTask<(JsonBody? Body, JsonFault Fault)> ReadAsync(HttpContext httpContext, int maximumLength = UsualLength)
    {
        var request = httpContext.Request;
        if (request.ContentType is null && httpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false })
            return (null, JsonFault.NoBody);
        if (!IsJson(request))
            return (null, JsonFault.NotJson);
        if (request.ContentLength > maximumLength)
            return (null, JsonFault.TooLarge);

        // Not from a pool: it may hold a password.
        var bytes = new ArrayBufferWriter<byte>(1024);
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(httpContext.RequestAborted);
            var isTooLarge = bytes.WrittenCount + read.Buffer.Length > maximumLength;
            foreach (var segment in isTooLarge ? default : read.Buffer)
                bytes.Write(segment.Span);
            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (isTooLarge)
                return (null, JsonFault.TooLarge);
            if (read.IsCompleted)
                return bytes.WrittenCount == 0 ? (null, JsonFault.NoBody) : Parse(bytes.WrittenMemory);
        }
    }

    /// <summary>
    /// The text of a member; null if it is absent or null. False: not a string. A string with NUL is accepted here; PostgreSQL can't store it, so
    /// each field refuses it with the field's own code.
    /// </summary>
    public bool TryRead(string name, out string? text)
    {
        text = null;
        if (Find(name) is not { } member)
            return true;
        if (member.ValueKind != JsonValueKind.String)
            return false;
        try
        {
            text = member.GetString();
        }
        catch (InvalidOperationException)
        {
            // RFC 8259 §8.2: an escaped lone surrogate is not a character.
            return false;
        }
        return text is not null;
    }

    /// <summary>A member that is present and not null.</summary>
    public JsonElement? Find(string name) =>
        Root.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? member : null;

    public void Dispose() => _document.Dispose();

    private static (JsonBody?, JsonFault) Parse(ReadOnlyMemory<byte> json)
    {
        if (!Utf8.IsValid(json.Span))
            return (null, JsonFault.Malformed);
        try
        {
            var document = JsonDocument.Parse(json, Strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return (new JsonBody(document), JsonFault.None);
            document.Dispose();
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            // The second is thrown for member names with lone surrogates.
        }
        return (null, JsonFault.Malformed);
    }

    private static bool IsJson(HttpRequest request) =>
        request.Headers.ContentEncoding.Count == 0
        && MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
}
