using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.Net.Http.Headers;

namespace ResourceApi.Web;

/// <summary>Reads a request body as one strict JSON object.</summary>
internal static class JsonBody
{
    public const int MaximumLength = 1024 * 1024;

    // RFC 8259 §4 leaves duplicate members open; two readers that disagree about them are a security hole.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    public static async ValueTask<(JsonDocument? Body, Refusal? Refusal)> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!IsJson(request))
            return (null, Refusal.UnsupportedMediaType);
        if (request.ContentLength > MaximumLength)
            return (null, Refusal.PayloadTooLarge);

        var reader = request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            if (read.Buffer.Length > MaximumLength)
            {
                reader.AdvanceTo(read.Buffer.End);
                return (null, Refusal.PayloadTooLarge);
            }

            if (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }

            var body = Parse(read.Buffer);
            reader.AdvanceTo(read.Buffer.End);
            return body is null ? (null, Refusal.MalformedBody) : (body, null);
        }
    }

    /// <summary>The text of a member; null if it is absent, not a string, or holds half a character.</summary>
    public static string? FindText(JsonDocument body, string member)
    {
        if (!body.RootElement.TryGetProperty(member, out var element) || element.ValueKind != JsonValueKind.String)
            return null;
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            // The base library reports an escaped lone surrogate (\ud800) only by throwing.
            return null;
        }
    }

    private static JsonDocument? Parse(in ReadOnlySequence<byte> utf8)
    {
        JsonDocument? body = null;
        try
        {
            // A copy: the document must not point into the pipe's buffers, which are returned.
            var octets = utf8.ToArray();
            if (!System.Text.Unicode.Utf8.IsValid(octets))
                return null;
            body = JsonDocument.Parse(octets, Strict);
            if (body.RootElement.ValueKind == JsonValueKind.Object)
                return body;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a member name with a lone surrogate.
            body?.Dispose();
            return null;
        }

        body.Dispose();
        return null;
    }

    private static bool IsJson(HttpRequest request) =>
        request.Headers.ContentEncoding.Count == 0
        && MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || HeaderUtilities.RemoveQuotes(type.Charset).Equals(Encoding.UTF8.WebName, StringComparison.OrdinalIgnoreCase));
}
