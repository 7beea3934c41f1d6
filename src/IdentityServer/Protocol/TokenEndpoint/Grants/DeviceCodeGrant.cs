using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using Statuses = OpenIddict.Abstractions.OpenIddictConstants.Statuses;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>
/// RFC 8628 §3.4: the device polls until its user has decided. Each poll is one statement, which also redeems the code: the generation
/// of its grant goes from 0 to 1, once.
/// </summary>
/// <remarks>
/// Polls overlap, and an answer may be lost. A poll within <see cref="RefreshTokenSettings.Leeway"/> of the redemption is
/// refused but ends nothing. After that, thief and owner look alike, and the grant ends as when a code is replayed (RFC 6749 §4.1.2).
/// </remarks>
internal sealed partial class DeviceCodeGrant(
    DeviceStore devices, GrantStore grants, GrantEnding ending, GrantTokens tokens, CurrentKeys keys, RefreshTokenSettings refresh, AccessTokenSettings access,
    ServerMetrics metrics, TimeProvider timeProvider, ILogger<DeviceCodeGrant> logger) : IGrant
{
    public async ValueTask<Result<Issuance>> HandleAsync(TokenRequest request)
    {
        if (!GrantHandle.TryRead(HandleKind.DeviceCode, keys.Value.Handles, request.Parameters[Parameters.DeviceCode]!, out var id, out _))
            return Errors.DeviceCodeRefused;

        var poll = new DevicePoll(
            id, request.Client.ClientId, timeProvider.GetUtcNow(), request.Client.MayRefresh,
            access.Lifetime, refresh.Lifetime, refresh.AbsoluteLifetime, refresh.PruneGrain)
        {
            DpopThumbprint = request.Client.IsPublic ? request.DpopThumbprint : null,
            Resources = ResourceIndicators.IdentifiersOf(request.Resources),
            Reach = ResourceIndicators.ReachOf(request.Resources, request.Client),
            ClientScopes = request.Client.Scopes.ToArray(),
        };
        // Not cancelled with the request: a redemption can't be undone.
        var device = await devices.PollAsync(poll);
        // Only we write codes, so a code without a row has expired.
        if (device is null)
            return Errors.DeviceCodeExpired;
        if (!device.IsClients)
            return Errors.DeviceCodeRefused;
        if (device.Spent is { } grant)
            return tokens.Issue(request, grant, ScopeSet.Empty, GrantDetails.Parse(grant.Details));
        if (device.Status == Statuses.Rejected)
            return Errors.DeviceDenied;
        if (device is { GrantId: { } grantId, Generation: > 0 })
            return await RefuseReuseAsync(request, poll, device, grantId);
        // Revoked through OpenIddict's manager.
        if (device.Status == Statuses.Revoked)
            return Errors.DeviceCodeRefused;
        if (device.IsExpired)
            return Errors.DeviceCodeExpired;
        // Allowed, but another poll redeemed it, the account or client has changed since, or the request names more than was allowed.
        if (device is { GrantId: { } unspent, Generation: 0 })
            return await ExplainAsync(request, poll, unspent);
        return device.IsEarly ? Errors.DevicePolledTooSoon : Errors.DevicePending;
    }

    private async ValueTask<Result<Issuance>> ExplainAsync(TokenRequest request, DevicePoll poll, Guid grantId)
    {
        if (poll.Resources.Length == 0)
            return Errors.DeviceCodeRefused;
        var found = await grants.FindAsync(grantId, poll.Now, CancellationToken.None);
        return found is { IsAlive: true, Generation: 0 } && request.RefuseResources(found) is { } refused ? refused : Errors.DeviceCodeRefused;
    }

    private async ValueTask<Result<Issuance>> RefuseReuseAsync(TokenRequest request, DevicePoll poll, PolledDevice device, Guid grantId)
    {
        var isOverlap = device.Generation == 1 && poll.Now < device.RotatedAt + refresh.Leeway;
        if (!isOverlap && await ending.TryEndGrantAsync(grantId, poll.ClientId, new AuditNote(AuditEvents.DeviceCodeReused, null, request.Address)))
        {
            metrics.Reused();
            LogReuse(grantId, poll.ClientId);
        }
        return Errors.DeviceCodeRefused;
    }

    [LoggerMessage(2102, LogLevel.Warning, "The device code of grant {GrantId} at client {ClientId} was used again; the grant is revoked")]
    private partial void LogReuse(Guid grantId, string clientId);
}
