using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;

namespace IdentityServer.Protocol.Token.Grants;

/// <summary>RFC 6749 §6 with rotation (RFC 9700 §4.14.2): each use spends the token and gives its successor.</summary>
internal sealed partial class RefreshTokenGrant(
    GrantStore grants, GrantEnding ending, GrantTokens tokens, CurrentKeys keys, RefreshTokenSettings settings,
    ServerMetrics metrics, TimeProvider time, ILogger<RefreshTokenGrant> log) : IGrant
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

        var now = time.GetUtcNow();
        var spend = new Spend(grantId, generation, request.Client.ClientId, requested.ToArray(), now, settings.Lifetime, settings.PruneGrain)
        {
            DpopThumbprint = request.DpopThumbprint,
            Binds = request.Client.IsPublic,
            Resources = ResourceIndicators.IdentifiersOf(request.Resources),
            ClientScopes = request.Client.Scopes.ToArray(),
        };
        // Which scopes a grant has does not change, so that a look may say whether a resource serves any of them.
        if (request.Resources.Length > 0 && await grants.FindAsync(grantId, now, CancellationToken.None) is { } known && known.ClientId == spend.ClientId
            && ResourceIndicators.Refuse(GrantTokens.GrantedOf(request.Client, known, requested), request.Resources) is { } refused)
            return refused;
        // Not ended with the request: a thief who hangs up is still found out.
        if (request.Client.MayRefresh && await grants.TrySpendAsync(spend) is { } spent)
        {
            metrics.Rotated();
            return Issue(request, spent, requested);
        }
        return await ExplainAsync(request, spend, requested);
    }

    /// <summary>The spend found no row that it may change. One look tells whether that is a retry, a mistake or a theft.</summary>
    private async ValueTask<Result<Issuance>> ExplainAsync(TokenRequest request, Spend spend, ScopeSet requested)
    {
        var found = await grants.FindAsync(spend.GrantId, spend.Now, CancellationToken.None);
        // Another client's token: refused, and the grant lives on (RFC 6749 §10.4: bound to the client).
        if (found is null || found.ClientId != spend.ClientId || !found.IsAlive)
            return Errors.RefreshTokenRefused;
        // RFC 9449 §5: before anything that ends the grant, which nobody without the key can use.
        if (found.DpopThumbprint is { } key && key != spend.DpopThumbprint)
            return spend.DpopThumbprint is null ? Errors.DpopKeyOfGrantMissing : Errors.DpopKeyOfGrantDiffers;

        // One that came before the rotation and lost the race is earlier than any leeway: without one it is no retry either.
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
        // What the client lost since then, no retry gives it either.
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

    /// <summary>Zero is zero for everybody.</summary>
    private TimeSpan LeewayOf(Client client, GrantState grant)
    {
        // RFC 9449 §5 binds no grant of a confidential client itself: what binds all of its tokens is what it registered.
        var isBound = !client.IsPublic && (grant.DpopThumbprint is not null || client.Metadata.DpopBoundAccessTokens == true);
        return isBound && settings.Leeway > TimeSpan.Zero && settings.Leeway < RefreshTokenSettings.BoundLeeway ? RefreshTokenSettings.BoundLeeway : settings.Leeway;
    }

    /// <summary>Of the same authentication, without its nonce (OpenID Connect Core §12.2).</summary>
    private Issuance Issue(TokenRequest request, GrantState grant, ScopeSet requested) =>
        tokens.Issue(request, grant, requested, GrantDetails.Parse(grant.Details) with { Nonce = null });

    [LoggerMessage(2100, LogLevel.Warning, "Refresh token of grant {GrantId} at client {ClientId} was used again: generation {Used} of {Current}; the grant is revoked")]
    private partial void LogReuse(Guid grantId, string clientId, int used, int current);
}
