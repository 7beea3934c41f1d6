using System.Net;
using IdentityServer.Keys;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;

namespace IdentityServer.Protocol.Authorization;

/// <summary>Writes the grant of an authorization and returns its code: the handle of generation 0 (RFC 6749 §4.1.2).</summary>
internal sealed class AuthorizationCodes(
    CodeStore codes, CurrentKeys keys, RefreshTokenSettings refresh, AccessTokenSettings access, ServerMetrics metrics, TimeProvider timeProvider)
{
    /// <summary>RFC 6749 §4.1.2 recommends ten minutes at most; a browser needs seconds.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>The code. Null: the session, account, client, consent or pushed request has ended in the meantime.</summary>
    public async Task<string?> TryIssueAsync(
        AuthorizationRequest request, SessionState session, SessionKey key, NewConsent? consent, Guid? pushedRequestId, IPAddress? address, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var createdAt = GrantIds.After(now, session.GrantsEndedAt);
        var expires = createdAt + Lifetime;
        var mayRefresh = request.Scopes.Contains(Scopes.OfflineAccess);
        var details = new GrantDetails
        {
            Nonce = request.Nonce,
            Acr = AuthenticationContexts.Password,
            Amr = session.Amr,
            IdTokenClaims = request.Claims.IdToken is { Length: > 0 } idToken ? idToken : null,
            UserInfoClaims = request.Claims.UserInfo is { Length: > 0 } userInfo ? userInfo : null,
        };
        var code = new NewCode(
            GrantIds.Create(createdAt), key, request.Client.ClientId, request.Scopes.ToArray(),
            createdAt, expires, mayRefresh ? createdAt + refresh.AbsoluteLifetime : expires + access.Lifetime, now,
            request.Resources, request.DpopThumbprint, request.RedirectUri, request.CodeChallenge, details.ToString(), consent,
            consent is null && ConsentRules.IsNeeded(request.Client), pushedRequestId, address);
        if (!await codes.TryStartAsync(code, cancellationToken))
            return null;
        metrics.GrantIssued();
        return GrantHandle.Write(HandleKind.Code, keys.Value.Handles, code.GrantId, 0, createdAt);
    }
}
