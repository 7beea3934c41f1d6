using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace IdentityServer.ResourceServer;

/// <summary>The body of a refusal where the API does not write its own (RFC 9457).</summary>
internal static class ProblemDocument
{
    public static async Task WriteAsync(HttpContext context, BearerRefusal refusal)
    {
        var body = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteNumber("status", refusal.StatusCode);
            writer.WriteString("title", ReasonPhrases.GetReasonPhrase(refusal.StatusCode));
            writer.WriteString("detail", refusal.Description);
            writer.WriteEndObject();
        }

        context.Response.ContentType = "application/problem+json";
        context.Response.ContentLength = body.WrittenCount;
        await context.Response.Body.WriteAsync(body.WrittenMemory, context.RequestAborted);
    }
}
