using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using IdentityServer.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace IdentityServer.Accounts;

/// <summary>
/// The members of a JSON body: one object in UTF-8, each member once, nothing behind it. Unknown members are passed
/// over.
/// </summary>
internal sealed class JsonBody : IDisposable
{
    public const int MaximumLength = 64 * 1024;

    private const int MaximumDepth = 16;

    private readonly JsonDocument _document;

    private JsonBody(JsonDocument document) => _document = document;

    public static async ValueTask<ApiResult<JsonBody>> ReadAsync(HttpContext http)
    {
        var contentType = http.Request.ContentType;
        if (contentType is null && http.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false })
            return AccountErrors.NoBody;
        if (!IsJson(contentType))
            return ApiErrors.UnsupportedMediaType;
        if (http.Request.ContentLength > MaximumLength)
            return ApiErrors.PayloadTooLarge;

        // Not from a pool: it may hold a password.
        var bytes = new ArrayBufferWriter<byte>(1024);
        while (true)
        {
            var read = await http.Request.BodyReader.ReadAsync(http.RequestAborted);
            var isTooLarge = bytes.WrittenCount + read.Buffer.Length > MaximumLength;
            foreach (var segment in isTooLarge ? default : read.Buffer)
                bytes.Write(segment.Span);
            http.Request.BodyReader.AdvanceTo(read.Buffer.End);
            if (isTooLarge)
                return ApiErrors.PayloadTooLarge;
            if (read.IsCompleted)
                return bytes.WrittenCount == 0 ? AccountErrors.NoBody : Parse(bytes.WrittenMemory);
        }
    }

    /// <summary>The text of a member; null when it is absent or null. False: it is no text that can be stored.</summary>
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
            // RFC 8259 §8.2: an escaped lone surrogate stands for no character.
            return false;
        }
        return text is not null && !text.Contains('\0', StringComparison.Ordinal);
    }

    /// <summary>A member that is present and not null.</summary>
    public JsonElement? Find(string name) =>
        _document.RootElement.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? member : null;

    public void Dispose() => _document.Dispose();

    private static ApiResult<JsonBody> Parse(ReadOnlyMemory<byte> json)
    {
        if (!Utf8.IsValid(json.Span) || !TryParse(json, out var document))
            return AccountErrors.MalformedJson;
        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return new JsonBody(document);
        document.Dispose();
        return AccountErrors.MalformedJson;
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
