using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Jose;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>What is asked of the issuer over HTTP: its metadata, its keys, its revocations. Every answer is bounded in size and time.</summary>
internal sealed class IssuerConnection(IOptions<IdentityServerTokensOptions> options) : IDisposable
{
    private const int MaximumMetadataLength = 64 * 1024;

    // Half a million entries; an issuer with more live revocations has another problem.
    private const int MaximumFeedLength = 64 * 1024 * 1024;

    private static readonly TimeSpan DocumentTimeout = TimeSpan.FromSeconds(5);

    // A connection that the network lost without a word is noticed this long after the answer was due.
    private static readonly TimeSpan FeedGrace = TimeSpan.FromSeconds(3);

    private readonly IdentityServerTokensOptions _options = options.Value;
    private readonly Uri _address = options.Value.IssuerAddress;
    private readonly AuthenticationHeaderValue _credentials = Basic(options.Value.ClientId, options.Value.ClientSecret);

    // No redirect is followed: the client secret goes to the configured issuer and nowhere else.
    // Connections are renewed so that a change of DNS is seen.
    [SuppressMessage("Reliability", "CA2000", Justification = "The client owns its handler.")]
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(2),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        ActivityHeadersPropagator = null,
    })
    { Timeout = Timeout.InfiniteTimeSpan };

    public async Task<JsonWebKeySet> FetchKeysAsync(CancellationToken ct)
    {
        var metadata = await GetAsync(new Uri(_address, ".well-known/openid-configuration"), null, MaximumMetadataLength, DocumentTimeout, ct);
        var address = ReadKeysAddress(metadata.Body);
        var answer = await GetAsync(address, null, JsonWebKeySet.MaximumLength, DocumentTimeout, ct);
        if (!JsonWebKeySet.TryParse(answer.Body, out var keys, out var error))
            throw new IssuerException("The issuer's key set is not usable: " + error);
        return keys.Keys.Count > 0 ? keys : throw new IssuerException("The issuer's key set holds no usable key.");
    }

    /// <summary>Null when the issuer does not know the cursor any more.</summary>
    public async Task<RevocationFeedAnswer?> FetchRevocationsAsync(string? cursor, TimeSpan wait, CancellationToken ct)
    {
        var query = $"connect/revocations?wait={(int)wait.TotalSeconds}";
        if (cursor is not null)
            query += "&after=" + Uri.EscapeDataString(cursor);
        var answer = await GetAsync(new Uri(_address, query), _credentials, MaximumFeedLength, wait + FeedGrace, ct, mayRefuse: cursor is not null);
        return answer.Status == HttpStatusCode.OK ? RevocationFeedAnswer.Parse(answer.Body) : null;
    }

    public void Dispose() => _http.Dispose();

    // RFC 6749 §2.3.1: id and secret are form-urlencoded before they are joined.
    private static AuthenticationHeaderValue Basic(string id, string secret) =>
        new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(WebUtility.UrlEncode(id) + ":" + WebUtility.UrlEncode(secret))));

    internal Uri ReadKeysAddress(byte[] metadata)
    {
        try
        {
            using var document = JsonDocument.Parse(metadata, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 });
            // RFC 8414 §3.3: the issuer in the document must be identical to the one asked.
            if (document.RootElement.GetProperty("issuer").GetString() != _options.Authority)
                throw new IssuerException("The issuer's metadata names another issuer than the configured Authority.");
            if (!Uri.TryCreate(document.RootElement.GetProperty("jwks_uri").GetString(), UriKind.Absolute, out var keys)
                || (keys.Scheme != Uri.UriSchemeHttps && keys.Scheme != _address.Scheme))
                throw new IssuerException("The issuer's metadata holds no usable jwks_uri.");

            // Behind a backchannel address the issuer's own documents are found there too. Appended, not resolved: the rest of
            // http://id.example/ftp://x would be an address by itself, of a host and a scheme that nobody configured.
            var authority = _options.Authority.TrimEnd('/') + "/";
            return _options.BackchannelAddress is not null && keys.AbsoluteUri.StartsWith(authority, StringComparison.Ordinal)
                ? new Uri(_address.AbsoluteUri + keys.AbsoluteUri[authority.Length..])
                : keys;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or UriFormatException)
        {
            throw new IssuerException("The issuer's metadata is not what RFC 8414 describes.", e);
        }
    }

    private async Task<(HttpStatusCode Status, byte[] Body)> GetAsync(
        Uri address, AuthenticationHeaderValue? credentials, int limit, TimeSpan timeout, CancellationToken ct, bool mayRefuse = false)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(timeout);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Authorization = credentials;
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if (mayRefuse && response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestUriTooLong)
                return (response.StatusCode, []);
            if (credentials is not null && response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                throw new IssuerException("The issuer does not take ClientId and ClientSecret for those of a resource server.");
            if (response.StatusCode != HttpStatusCode.OK)
                throw new IssuerException($"The issuer answered {(int)response.StatusCode} to {address.AbsolutePath}.");
            await response.Content.LoadIntoBufferAsync(limit, deadline.Token);
            return (response.StatusCode, await response.Content.ReadAsByteArrayAsync(deadline.Token));
        }
        // Not only HttpRequestException: a connection that is reset in the moment in which it was made is a bare SocketException.
        catch (Exception e) when (e is not (IssuerException or OperationCanceledException))
        {
            throw new IssuerException($"The issuer can't be reached at {address.GetLeftPart(UriPartial.Authority)}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new IssuerException($"The issuer did not answer {address.AbsolutePath} in {timeout.TotalSeconds:0} s.", e);
        }
    }
}
