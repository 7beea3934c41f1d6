using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>The revocation feed over HTTP. Every answer is bounded in size and time; metadata and keys are OpenIddict's to read.</summary>
internal sealed class IssuerConnection(IOptions<IdentityServerTokensOptions> options) : IDisposable
{
    // Half a million entries; an issuer with more live revocations has another problem.
    private const int MaximumFeedLength = 64 * 1024 * 1024;

    // A silently lost connection is noticed this long after the answer was due.
    private static readonly TimeSpan FeedGrace = TimeSpan.FromSeconds(3);

    private readonly Uri _address = options.Value.IssuerAddress;
    private readonly AuthenticationHeaderValue _credentials = Basic(options.Value.ClientId, options.Value.ClientSecret);

    // No redirect is followed: the client secret goes to the configured issuer and nowhere else.
    // Connections are renewed to notice DNS changes.
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

    /// <summary>Null if the issuer no longer knows the cursor.</summary>
    public async Task<RevocationFeedAnswer?> FetchRevocationsAsync(string? cursor, TimeSpan wait, CancellationToken cancellationToken)
    {
        var query = $"connect/revocations?wait={(int)wait.TotalSeconds}" + (cursor is null ? "" : "&after=" + Uri.EscapeDataString(cursor));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(wait + FeedGrace);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_address, query));
            request.Headers.Authorization = _credentials;
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if (cursor is not null && response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestUriTooLong)
                return null;
            if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                throw new IssuerException("The issuer does not take ClientId and ClientSecret for those of a resource server.");
            if (response.StatusCode != HttpStatusCode.OK)
                throw new IssuerException($"The issuer answered {(int)response.StatusCode} to the request for its revocation feed.");
            await response.Content.LoadIntoBufferAsync(MaximumFeedLength, deadline.Token);
            return RevocationFeedAnswer.Parse(await response.Content.ReadAsByteArrayAsync(deadline.Token));
        }
        // Not only HttpRequestException: a connection that is reset just as it is opened throws a bare SocketException.
        catch (Exception e) when (e is not (IssuerException or OperationCanceledException))
        {
            throw new IssuerException($"The issuer can't be reached at {_address.GetLeftPart(UriPartial.Authority)}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IssuerException($"The issuer did not answer the request for its revocation feed in {(wait + FeedGrace).TotalSeconds:0} s.", e);
        }
    }

    public void Dispose() => _http.Dispose();

    // RFC 6749 §2.3.1: id and secret are form-urlencoded before they are joined.
    private static AuthenticationHeaderValue Basic(string id, string secret) =>
        new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(WebUtility.UrlEncode(id) + ":" + WebUtility.UrlEncode(secret))));
}
