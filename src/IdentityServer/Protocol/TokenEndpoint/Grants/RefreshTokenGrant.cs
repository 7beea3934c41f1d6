using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>RFC 6749 §6 with rotation (RFC 9700 §4.14.2): each use spends the token and issues its successor.</summary>
internal sealed partial class RefreshTokenGrant(
    GrantStore grants, GrantEnding ending, GrantTokens tokens, CurrentKeys keys, RefreshTokenSettings settings,
    ServerMetrics metrics, TimeProvider timeProvider, ILogger<RefreshTokenGrant> logger) : IGrant
{
    public async ValueTask<Result<Issuance>> HandleAsync(TokenRequest request)
    {
        var requested = ScopeSet.Empty;
        if (request.Parameters[Parameters.Scope] is { } text && (!ScopeSet.TryParse(text, out requested) || requested.IsEmpty))
            return Errors.MalformedScope;
        if (!requested.IsSubsetOf(request.Client.Scopes))
            return Errors.ScopeRefused;
        if (!GrantHandle.TryRead(keys.Value.Handles, request.Parameters[Parameters.RefreshToken]!, out var grantId, out var generation))
            return Errors.RefreshTokenRefused;

        var now = timeProvider.GetUtcNow();
        var spend = new Spend(grantId, generation, request.Client.ClientId, requested.ToArray(), now, settings.Lifetime, settings.PruneGrain)
        {
            DpopThumbprint = request.DpopThumbprint,
            Binds = request.Client.IsPublic,
            Resources = ResourceIndicators.IdentifiersOf(request.Resources),
            ClientScopes = request.Client.Scopes.ToArray(),
        };
        // A grant's scopes never change, so reading first is safe here to check that each resource serves one of them.
        if (request.Resources.Length > 0 && await grants.FindAsync(grantId, now, CancellationToken.None) is { } known && known.ClientId == spend.ClientId
            && ResourceIndicators.Refuse(GrantTokens.GrantedOf(request.Client, known, requested), request.Resources) is { } refused)
            return refused;
        // Not cancelled with the request: a thief who hangs up is still detected.
        if (request.Client.MayRefresh && await grants.TrySpendAsync(spend) is { } spent)
        {
            metrics.Rotated();
            return Issue(request, spent, requested);
        }
        return await ExplainAsync(request, spend, requested);
    }

    /// <summary>Nothing was spent. One query tells whether that was a retry, a mistake or a theft.</summary>
    private async ValueTask<Result<Issuance>> ExplainAsync(TokenRequest request, Spend spend, ScopeSet requested)
    {
        var found = await grants.FindAsync(spend.GrantId, spend.Now, CancellationToken.None);
        // Another client's token: refused, but the grant stays alive (RFC 6749 §10.4: bound to the client).
        if (found is null || found.ClientId != spend.ClientId || !found.IsAlive)
            return Errors.RefreshTokenRefused;
        // RFC 9449 §5: checked before anything that ends the grant, since nobody can use it without the key.
        if (found.DpopThumbprint is { } key && key != spend.DpopThumbprint)
            return spend.DpopThumbprint is null ? Errors.DpopKeyOfGrantMissing : Errors.DpopKeyOfGrantDiffers;

        // A request that arrived before the rotation and lost the race is always within the leeway. With no leeway it is still no retry.
        var leeway = LeewayOf(request.Client, found);
        var isRetry = leeway > TimeSpan.Zero && found.Generation == spend.Generation + 1 && found.RotatedAt is { } rotatedAt && spend.Now < rotatedAt + leeway;
        if (found.Generation > spend.Generation && !isRetry)
        {
            // Revoke the family: thief and owner look alike.
            await ending.TryEndGrantAsync(found.Id, spend.ClientId, new AuditNote(AuditEvents.RefreshTokenReused, null, request.Address));
            metrics.Reused();
            LogReuse(found.Id, found.ClientId, spend.Generation, found.Generation);
            return Errors.RefreshTokenRefused;
        }
        // A retry must not return what the client has lost since.
        if (!request.Client.MayRefresh || !request.Client.MayStillHave(ScopeSet.Of(found.Scopes)))
            return Errors.RefreshTokenRefused;
        if (!requested.IsSubsetOf(ScopeSet.Of(found.Scopes)))
            return Errors.ScopeWidened;
        if (found.Resources is { } resources && !spend.Resources.All(resources.Contains))
            return Errors.ResourceWidened;
        // The response of the rotation was lost, or two tabs refreshed at once: the same successor again.
        if (!isRetry)
            return Errors.RefreshTokenRefused;
        metrics.Repeated();
        return Issue(request, found, requested);
    }

    /// <summary>A leeway of zero is zero for all clients.</summary>
    private TimeSpan LeewayOf(Client client, GrantState grant)
    {
        // RFC 9449 §5 does not bind the grant of a confidential client; its registration decides whether its tokens are bound.
        var isBound = !client.IsPublic && (grant.DpopThumbprint is not null || client.Metadata.DpopBoundAccessTokens == true);
        return isBound && settings.Leeway > TimeSpan.Zero && settings.Leeway < RefreshTokenSettings.BoundLeeway ? RefreshTokenSettings.BoundLeeway : settings.Leeway;
    }

    /// <summary>For the same authentication, but without its nonce (OpenID Connect Core §12.2).</summary>
    private Issuance Issue(TokenRequest request, GrantState grant, ScopeSet requested) =>
        tokens.Issue(request, grant, requested, GrantDetails.Parse(grant.Details) with { Nonce = null });

    [LoggerMessage(2100, LogLevel.Warning, "Refresh token of grant {GrantId} at client {ClientId} was used again: generation {Used} of {Current}; the grant is revoked")]
    private partial void LogReuse(Guid grantId, string clientId, int used, int current);
}
