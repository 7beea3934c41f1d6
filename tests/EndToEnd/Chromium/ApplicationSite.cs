using System.Globalization;
using System.Net;
using Testing;

namespace EndToEnd.Chromium;

/// <summary>The web site of an application, on an origin of its own: every address is a page that says where the browser arrived.</summary>
internal sealed class ApplicationSite : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Task _serving;

    public ApplicationSite()
    {
        Address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{ProgramProcess.FreePort()}/"));
        _listener.Prefixes.Add(Address.ToString());
        _listener.Start();
        _serving = ServeAsync();
    }

    public Uri Address { get; }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var http = await _listener.GetContextAsync();
                http.Response.ContentType = "text/html";
                http.Response.Close("<!DOCTYPE html><title>App</title><p id=arrived>Welcome back"u8.ToArray(), willBlock: false);
            }
        }
        catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
        {
        }
    }
}
