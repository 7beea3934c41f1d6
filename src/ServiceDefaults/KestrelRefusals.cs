using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace ServiceDefaults;

/// <param name="Path">As sent; empty where not even that could be read.</param>
/// <param name="IsOfPath">The path itself is why it was refused.</param>
internal sealed record KestrelRefusal(int Status, string Path, bool IsOfPath);

/// <summary>
/// Gives a body to what Kestrel refuses before there is a request that middleware could see: a path with %00, a malformed header,
/// a request line that is too long. Kestrel tells of it by a diagnostic event alone. HTTP/2 answers by a reset, without a body; and who
/// begins with its preface where it is not served reads frames (RFC 9113 §3.4), so that 505 is left to Kestrel, which sends a GOAWAY.
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

        // Ends before it returns: Kestrel's buffers take some hundred bytes without waiting.
        private async Task WriteAsync(IFeatureCollection features, IHttpResponseFeature response, IHttpResponseBodyFeature head, IConnectionTransportFeature connection)
        {
            var request = features.Get<IHttpRequestFeature>();
            var path = (request?.RawTarget ?? "").Split('?', 2)[0];
            // Kestrel takes the method from the request line once the target was right.
            var body = Write(describe(new KestrelRefusal(response.StatusCode, path, IsOfPath: path.Length > 0 && string.IsNullOrEmpty(request?.Method))));
            response.Headers.ContentType = "application/json";
            response.Headers.ContentLength = body.Length;
            response.Headers.CacheControl = "no-store";
            response.Headers.XContentTypeOptions = "nosniff";
            response.Headers.Connection = "close";
            await head.StartAsync();
            // Kestrel offers no stream where it has found no request.
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
