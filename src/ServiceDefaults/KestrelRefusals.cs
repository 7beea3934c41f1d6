using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace ServiceDefaults;

/// <param name="Path">As sent; empty if it could not be read.</param>
/// <param name="IsOfPath">Whether the path is the reason.</param>
internal sealed record KestrelRefusal(int Status, string Path, bool IsOfPath);

/// <summary>
/// Gives a body to refusals that Kestrel makes before middleware sees a request: a path with %00, a malformed header,
/// a too long request line. Kestrel reports them only by a diagnostic event. HTTP/2 answers with a reset and no
/// body. Whoever starts HTTP/2 where it is not served reads frames (RFC 9113 §3.4): 505 is left to Kestrel's GOAWAY.
/// </summary>
internal static class KestrelRefusals
{
    private const string Event = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    /// <param name="describe">Gives the members of the body.</param>
    public static void Answer(WebApplication app, Func<KestrelRefusal, (string Name, string Value)[]> describe)
    {
        var listener = app.Services.GetRequiredService<DiagnosticListener>();
        var subscription = listener.Subscribe(new Observer(describe), static name => name == Event);
        app.Lifetime.ApplicationStopped.Register(subscription.Dispose);
    }

    private sealed class Observer(Func<KestrelRefusal, (string Name, string Value)[]> describe) : IObserver<KeyValuePair<string, object?>>
    {
        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value is { Key: Event, Value: IFeatureCollection features }
                && features.Get<IHttpResponseFeature>() is { HasStarted: false, StatusCode: not StatusCodes.Status505HttpVersionNotsupported } response
                && features.Get<IConnectionTransportFeature>() is { } connection && features.Get<IHttpResponseBodyFeature>() is { } head)
                _ = WriteAsync(features, response, head, connection);
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        // Completes synchronously: Kestrel's buffers take a few hundred bytes without waiting.
        private async Task WriteAsync(IFeatureCollection features, IHttpResponseFeature response, IHttpResponseBodyFeature head, IConnectionTransportFeature connection)
        {
            var request = features.Get<IHttpRequestFeature>();
            var path = (request?.RawTarget ?? "").Split('?', 2)[0];
            // Kestrel sets the method only after it has accepted the target.
            var body = Write(describe(new KestrelRefusal(response.StatusCode, path, IsOfPath: path.Length > 0 && string.IsNullOrEmpty(request?.Method))));
            response.Headers.ContentType = "application/json";
            response.Headers.ContentLength = body.Length;
            response.Headers.CacheControl = "no-store";
            response.Headers.XContentTypeOptions = "nosniff";
            response.Headers.Connection = "close";
            await head.StartAsync();
            // Kestrel offers no response stream without a request.
            await connection.Transport.Output.WriteAsync(body);
        }

        private static byte[] Write((string Name, string Value)[] members)
        {
            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer))
            {
                json.WriteStartObject();
                foreach (var (name, value) in members)
                    json.WriteString(name, value);
                json.WriteEndObject();
            }
            return buffer.ToArray();
        }
    }
}
