using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace IdentityServer.Outbound;

/// <summary>Resolves a host: DNS, except in tests.</summary>
internal delegate Task<IPAddress[]> Resolve(string host, CancellationToken cancellationToken);

/// <summary>
/// Sends requests to addresses that clients, and so possibly strangers, registered: over https, to public addresses, without following a
/// redirect or a proxy, within limits of time and length. A name's address is checked when the connection is made, and
/// the connection goes to that very address, so a name that resolves differently the next moment gains nothing.
/// </summary>
internal sealed class OutboundHttp : IDisposable
{
    /// <summary>From resolving the name to the last octet of the answer.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private const int ConnectionsPerServer = 8;

    // Kilobytes, the handler's unit.
    private const int MaximumHeadersLength = 16;

    private readonly OutboundSettings _settings;
    private readonly Resolve _resolve;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    public OutboundHttp(OutboundSettings settings, TimeProvider timeProvider)
        : this(settings, timeProvider, Dns.GetHostAddressesAsync, trust: null)
    {
    }

    /// <param name="trust">For tests: validates certificates instead of the system.</param>
    [SuppressMessage("Reliability", "CA2000", Justification = "The client owns its handler.")]
    internal OutboundHttp(OutboundSettings settings, TimeProvider timeProvider, Resolve resolve, System.Net.Security.RemoteCertificateValidationCallback? trust)
    {
        (_settings, _time, _resolve) = (settings, timeProvider, resolve);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            // A proxy would resolve the name itself.
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = Deadline,
            // So that names are resolved again now and then.
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            MaxConnectionsPerServer = ConnectionsPerServer,
            MaxResponseHeadersLength = MaximumHeadersLength,
            // Strangers must not get our trace headers.
            ActivityHeadersPropagator = null,
            SslOptions = { RemoteCertificateValidationCallback = trust },
            ConnectCallback = ConnectAsync,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Whether the address is allowed at all, whatever its name resolves to.</summary>
    public bool MayAsk(Uri address) => address.IsAbsoluteUri && address.UserInfo.Length == 0
        && (address.Scheme == Uri.UriSchemeHttps || _settings.AllowHttpToLoopback && address.Scheme == Uri.UriSchemeHttp && address.IsLoopback);

    /// <param name="accept">A media type.</param>
    /// <param name="maximumLength">The most octets of the answer; a longer one is a failure.</param>
    public Task<OutboundAnswer> GetAsync(Uri address, string accept, int maximumLength, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, address, content: null, accept, maximumLength, cancellationToken);

    /// <summary>Only the status matters; the body is not read.</summary>
    public Task<OutboundAnswer> PostAsync(Uri address, HttpContent content, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, address, content, accept: null, maximumLength: 0, cancellationToken);

    private async Task<OutboundAnswer> SendAsync(HttpMethod method, Uri address, HttpContent? content, string? accept, int maximumLength, CancellationToken cancellationToken)
    {
        if (!MayAsk(address))
            return OutboundAnswer.Failed("the address is not https");

        using var expiry = new CancellationTokenSource(Deadline, _time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(expiry.Token, cancellationToken);
        try
        {
            using var request = new HttpRequestMessage(method, address) { Content = content };
            if (accept is not null)
                request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ends.Token);
            var body = maximumLength == 0 || !response.IsSuccessStatusCode ? [] : await ReadAsync(response.Content, maximumLength, ends.Token);
            return body is null
                ? OutboundAnswer.Failed($"the answer is longer than {maximumLength} octets")
                : new OutboundAnswer(null, response.StatusCode, MediaTypeOf(response), MaxAgeOf(response), body);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return OutboundAnswer.Failed($"there was no whole answer within {Deadline.TotalSeconds:0} s");
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or SocketException)
        {
            return OutboundAnswer.Failed(Describe(failure));
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var addresses = await _resolve(context.DnsEndPoint.Host, cancellationToken);
        Exception? last = null;
        foreach (var address in addresses)
        {
            if (_settings.AllowPrivateAddresses != true && !PublicAddresses.Contain(address))
                continue;
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, context.DnsEndPoint.Port), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception failure)
            {
                socket.Dispose();
                if (failure is not SocketException)
                    throw;
                last = failure;
            }
        }
        throw last ?? new HttpRequestException(HttpRequestError.ConnectionError, NoPublicAddress);
    }

    private const string NoPublicAddress = "the host has no public address";

    /// <summary>Null: the body is longer, whatever its Content-Length says.</summary>
    private static async Task<byte[]?> ReadAsync(HttpContent content, int maximumLength, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > maximumLength)
            return null;
        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[maximumLength + 1];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return length > maximumLength ? null : buffer[..length];
    }

    private static string? MediaTypeOf(HttpResponseMessage response)
    {
        try
        {
#pragma warning disable CA1308 // Media types are written in lower case.
            return response.Content.Headers.ContentType?.MediaType?.ToLowerInvariant();
#pragma warning restore CA1308
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static TimeSpan? MaxAgeOf(HttpResponseMessage response) =>
        response.Headers.CacheControl is not { } control ? null : control.NoStore || control.NoCache ? TimeSpan.Zero : control.MaxAge;

    /// <summary>The network's words or ours, but nothing from the answer, which a stranger wrote.</summary>
    private static string Describe(Exception failure) => failure switch
    {
        HttpRequestException { Message: NoPublicAddress } or HttpRequestException { InnerException.Message: NoPublicAddress } => NoPublicAddress,
        HttpRequestException { HttpRequestError: not HttpRequestError.Unknown and var error } => $"the request failed: {error}",
        _ => $"the request failed: {(failure.InnerException ?? failure).GetType().Name}",
    };

    public void Dispose() => _http.Dispose();
}
