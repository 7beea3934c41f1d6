using System.Text;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>A pushed request that a browser presents.</summary>
/// <param name="Form">Its form in the addresses of pages: only <c>client_id</c> and <c>request_uri</c>.</param>
internal sealed record PushedRequest(Guid Id, OAuthParameters Parameters, string? DpopThumbprint, string Form);

/// <summary>
/// Keeps pushed authorization requests (RFC 9126). The <c>request_uri</c> is a handle with a MAC, so a made-up one is refused
/// without a query.
/// </summary>
internal sealed class PushedRequests(PushedRequestStore store, CurrentKeys keys, PushedRequestSettings settings, TimeProvider timeProvider)
{
    /// <summary>RFC 9126 §2.2.</summary>
    public const string Prefix = "urn:ietf:params:oauth:request_uri:";

    /// <summary>Client credentials are not kept.</summary>
    private static readonly string[] Credentials = [Parameters.ClientId, Parameters.ClientSecret, Parameters.ClientAssertion, Parameters.ClientAssertionType];

    /// <summary>The <c>request_uri</c>.</summary>
    public async Task<string> AddAsync(Client client, OAuthParameters parameters, string? dpopThumbprint, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var id = GrantIds.Create(now);
        var form = $"{Parameters.ClientId}={Uri.EscapeDataString(client.ClientId)}&{parameters.ToForm(Credentials)}";
        await store.AddAsync(id, client.ClientId, new StoredRequest(form, dpopThumbprint), now, now + settings.Lifetime, cancellationToken);
        return Prefix + GrantHandle.Write(HandleKind.PushedRequest, keys.Value.Handles, id, 0, now);
    }

    /// <summary>Whether the request names one of ours; any other <c>request_uri</c> is that of a request object (RFC 9101).</summary>
    public static bool IsNamedBy(OAuthParameters parameters) =>
        parameters[Parameters.RequestUri]?.StartsWith(Prefix, StringComparison.Ordinal) == true;

    /// <summary>The pushed request; other parameters in the address are ignored (RFC 9126 §4, RFC 9101 §6.3).</summary>
    public async Task<Result<PushedRequest>> OpenAsync(OAuthParameters parameters, CancellationToken cancellationToken)
    {
        if (parameters.IsRepeated(Parameters.ClientId) || parameters.IsRepeated(Parameters.RequestUri))
            return Errors.TargetRepeated;
        if (parameters[Parameters.ClientId] is not { } clientId)
            return Errors.ClientIdMissing;
        var requestUri = parameters[Parameters.RequestUri]!;
        if (!GrantHandle.TryRead(HandleKind.PushedRequest, keys.Value.Handles, requestUri[Prefix.Length..], out var id, out _))
            return Errors.PushedRequestUnknown;
        var now = timeProvider.GetUtcNow();
        var (kept, longest) = (now + PushedRequestSettings.OpenedLifetime, GrantIds.TimeOf(id) + PushedRequestSettings.LongestLifetime);
        if (await store.TryOpenAsync(id, clientId, now, kept < longest ? kept : longest, cancellationToken) is not { } stored)
            return Errors.PushedRequestUnknown;
        var pushed = OAuthParameters.ParseLeniently(Encoding.UTF8.GetBytes(stored.Parameters));
        if (pushed.IsRefused)
            return pushed.Error;
        var form = $"{Parameters.ClientId}={Uri.EscapeDataString(clientId)}&{Parameters.RequestUri}={Uri.EscapeDataString(requestUri)}";
        return new PushedRequest(id, pushed.Value, stored.DpopThumbprint, form);
    }

    /// <summary>The request was answered, but without a code.</summary>
    public Task EndAsync(Guid id, CancellationToken cancellationToken) => store.RemoveAsync(id, cancellationToken);
}
