using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>
/// RFC 6749 §4.1.3: exchanges a code for tokens. The code is the handle of generation 0 of its grant; one statement checks all that it
/// is bound to and spends it. It is spent only if everything matches: a wrong verifier or redirect URI, or another
/// client's attempt, leaves it usable by its owner for the rest of its 60 s.
/// </summary>
internal sealed partial class AuthorizationCodeGrant(
    CodeStore codes, GrantStore grants, GrantEnding ending, GrantTokens tokens, CurrentKeys keys,
    RefreshTokenSettings refresh, AccessTokenSettings access, ServerMetrics metrics, TimeProvider timeProvider, ILogger<AuthorizationCodeGrant> logger) : IGrant
{
    public async ValueTask<Result<Issuance>> HandleAsync(TokenRequest request)
    {
        var verifier = request.Parameters[Parameters.CodeVerifier];
        var challenge = verifier is null ? null : Pkce.Challenge(verifier);
        if ((verifier is not null && challenge is null) || !GrantHandle.TryRead(HandleKind.Code, keys.Value.Handles, request.Parameters[Parameters.Code]!, out var grantId, out _))
            return Errors.CodeRefused;

        var client = request.Client;
        var redeemed = await codes.TryRedeemAsync(new Redemption(
            grantId, client.ClientId, request.Parameters[Parameters.RedirectUri], challenge,
            // RFC 9449 §5: refresh tokens of public clients are bound to the key, those of other clients to the client's secret.
            request.DpopThumbprint, client.IsPublic ? request.DpopThumbprint : null, ResourceIndicators.IdentifiersOf(request.Resources),
            ResourceIndicators.ReachOf(request.Resources, client),
            client.MayRefresh, timeProvider.GetUtcNow(), refresh.Lifetime, access.Lifetime, refresh.PruneGrain, client.Scopes.ToArray()));
        return redeemed is null
            ? await ExplainAsync(request, grantId)
            : tokens.Issue(request, redeemed.Grant, ScopeSet.Empty, GrantDetails.Parse(redeemed.Grant.Details), redeemed.User);
    }

    /// <summary>Nothing was spent. One query tells whether that was a mistake or a theft.</summary>
    private async ValueTask<Result<Issuance>> ExplainAsync(TokenRequest request, Guid grantId)
    {
        var found = await grants.FindAsync(grantId, timeProvider.GetUtcNow(), CancellationToken.None);
        if (found is not { IsAlive: true } || found.ClientId != request.Client.ClientId)
            return Errors.CodeRefused;
        if (found.Generation == 0)
            return request.RefuseResources(found) ?? Errors.CodeRefused;

        // RFC 6749 §4.1.2: used twice. It doesn't matter who was first: thief and owner look alike.
        await ending.TryEndGrantAsync(found.Id, found.ClientId, new AuditNote(AuditEvents.AuthorizationCodeReused, null, request.Address));
        metrics.Reused();
        LogReuse(found.Id, found.ClientId);
        return Errors.CodeRefused;
    }

    [LoggerMessage(2102, LogLevel.Warning, "The code of grant {GrantId} at client {ClientId} was used again; the grant is revoked")]
    private partial void LogReuse(Guid grantId, string clientId);
}
