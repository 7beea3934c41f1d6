using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Testing;

namespace EndToEnd;

/// <summary>Takes OTLP by HTTP and keeps the protobuf messages, which contain names and texts as UTF-8.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentDictionary<string, string> _taken = new(StringComparer.Ordinal);
    private readonly Task _taking;

    public OtlpCollector()
    {
        Address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{ProgramProcess.FreePort()}/"));
        _listener.Prefixes.Add(Address.ToString());
        _listener.Start();
        _taking = TakeAsync();
    }

    public Uri Address { get; }

    public string Metrics => _taken.GetValueOrDefault("/v1/metrics", "");
    public string Traces => _taken.GetValueOrDefault("/v1/traces", "");

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _taking;
    }

    private async Task TakeAsync()
    {
        while (true)
        {
            HttpListenerContext http;
            try
            {
                http = await _listener.GetContextAsync();
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            using var body = new MemoryStream();
            await http.Request.InputStream.CopyToAsync(body);
            if (http.Request is { HttpMethod: "POST", ContentType: "application/x-protobuf" })
                _taken.AddOrUpdate(http.Request.Url!.AbsolutePath, _ => Encoding.UTF8.GetString(body.ToArray()), (_, before) => before + Encoding.UTF8.GetString(body.ToArray()));
            http.Response.ContentType = "application/x-protobuf";
            http.Response.Close();
        }
    }
}
