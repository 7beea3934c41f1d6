using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace ServiceDefaults.Http;

/// <summary>
/// Writes a JSON object in one piece and with its length: into a buffer that the thread keeps, from there into the
/// connection. Chunked answers cost a client and a proxy more than they save.
/// </summary>
internal static class JsonAnswer
{
    private const int MaximumKept = 64 * 1024;

    // Text is not escaped for HTML: the answer is JSON, says so (nosniff) and is never part of a page.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? _json;

    /// <param name="write">Fills the object. It must not await: the buffer is the thread's.</param>
    public static Task WriteAsync<T>(HttpResponse response, T what, Action<Utf8JsonWriter, T> write)
    {
        var buffer = _buffer ??= new ArrayBufferWriter<byte>(2048);
        buffer.ResetWrittenCount();
        var json = _json ??= new Utf8JsonWriter(Stream.Null, Options);
        json.Reset(buffer);
        json.WriteStartObject();
        write(json, what);
        json.WriteEndObject();
        json.Flush();

        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        response.BodyWriter.Write(buffer.WrittenSpan);
        // A long answer of the feed must not stay with the thread.
        if (buffer.Capacity > MaximumKept)
            (_buffer, _json) = (null, null);

        // A finished answer is sent even after the deadline; Kestrel won't wait long for a caller who doesn't read.
        var flush = response.BodyWriter.FlushAsync(CancellationToken.None);
        if (!flush.IsCompletedSuccessfully)
            return flush.AsTask();
        flush.GetAwaiter().GetResult();
        return Task.CompletedTask;
    }
}
