using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using IdentityServer.ResourceServer;
using ResourceApi.Telemetry;

namespace ResourceApi.Web;

/// <summary>The shape of every answer: <c>{"status":"success","message","data"}</c> or <c>{"status":"error","code","message"}</c>.</summary>
internal static class Envelope
{
    // A larger buffer is dropped after its answer, so that one big value does not stay in memory on every thread.
    private const int KeptBuffer = 64 * 1024;

    // Text is not escaped for HTML: the answer is JSON, says so (nosniff) and is never part of a page.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    public static Task WriteAsync<TState>(HttpContext httpContext, int status, string message, TState state, Action<Utf8JsonWriter, TState>? data)
    {
        var buffer = _buffer ?? new ArrayBufferWriter<byte>(1024);
        _buffer = null;
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            writer.WriteString("status"u8, "success"u8);
            writer.WriteString("message"u8, message);
            if (data is not null)
            {
                writer.WritePropertyName("data"u8);
                data(writer, state);
            }

            writer.WriteEndObject();
        }

        return SendAsync(httpContext, status, buffer);
    }

    public static Task RefuseAsync(HttpContext httpContext, Refusal refusal)
    {
        httpContext.Response.Headers.CacheControl = "no-store";
        if (refusal.StatusCode == StatusCodes.Status503ServiceUnavailable)
            httpContext.Response.Headers.RetryAfter = "1";
        return RefuseAsync(httpContext, refusal.StatusCode, refusal.Code, refusal.Message);
    }

    /// <summary>The body of a refusal by the bearer handler, which has set status and headers.</summary>
    public static Task RefuseAsync(HttpContext httpContext, BearerRefusal refusal) => RefuseAsync(httpContext, refusal.StatusCode, refusal.StatusCode switch
    {
        StatusCodes.Status400BadRequest => ErrorCodes.InvalidRequest,
        StatusCodes.Status403Forbidden => ErrorCodes.InsufficientScope,
        StatusCodes.Status503ServiceUnavailable => ErrorCodes.ServiceUnavailable,
        _ => ErrorCodes.InvalidToken,
    }, refusal.Description);

    private static Task RefuseAsync(HttpContext httpContext, int status, string code, string message)
    {
        httpContext.Features.Set(new ErrorCode(code));
        var buffer = _buffer ?? new ArrayBufferWriter<byte>(1024);
        _buffer = null;
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            writer.WriteString("status"u8, "error"u8);
            writer.WriteString("code"u8, code);
            writer.WriteString("message"u8, message);
            writer.WriteEndObject();
        }

        return SendAsync(httpContext, status, buffer);
    }

    private static async Task SendAsync(HttpContext httpContext, int status, ArrayBufferWriter<byte> buffer)
    {
        var response = httpContext.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        response.BodyWriter.Write(buffer.WrittenSpan);
        if (buffer.Capacity <= KeptBuffer)
        {
            buffer.ResetWrittenCount();
            _buffer = buffer;
        }

        // A finished answer is sent even after the deadline; Kestrel won't wait long for a caller who doesn't read.
        await response.BodyWriter.FlushAsync(CancellationToken.None);
    }
}
