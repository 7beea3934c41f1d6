using Hosting;
using IdentityServer.Audit;
using IdentityServer.ClientAuthentication;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol;
using IdentityServer.Tokens;
using Postgres;

namespace IdentityServer.Revocation;

/// <summary>
/// <c>POST /connect/revoke</c> (RFC 7009). A refresh token takes its whole grant along, an access token only itself
/// (§2.1). What is unknown, dead or another client's is answered alike and changed not at all (§2.2).
/// </summary>
internal sealed class RevocationEndpoint(ClientAuthenticator clients, AccessTokens accessTokens, GrantEnding ending, CurrentKeys keys, DatabaseGate database, RequestLimits limits)
{
    public async Task HandleAsync(HttpContext http)
    {
        var refusal = await RevokeAsync(http);
        await (refusal is null ? OAuthAnswer.WriteEmptyAsync(http) : OAuthAnswer.WriteAsync(http, refusal));
    }

    private async ValueTask<OAuthError?> RevokeAsync(HttpContext http)
    {
        if (limits.Refuse(Limit.Token, http) is { } tooMany)
            return tooMany;
        var parameters = await OAuthForm.ReadAsync(http);
        if (parameters.IsRefused)
            return parameters.Error;
        var client = await clients.AuthenticateAsync(http, parameters.Value);
        if (client.IsRefused)
            return client.Error;
        if (parameters.Value[Parameters.Token] is not { } token)
            return Errors.TokenMissing;
        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;

        // The form of the token tells its kind; a wrong hint does no harm (RFC 7009 §2.1). Who hangs up, as a page does
        // that is closed at sign-out, is signed out all the same.
        if (token.Contains('.', StringComparison.Ordinal))
            await RevokeAccessTokenAsync(http, client.Value, token);
        else if (GrantHandle.TryRead(keys.Value.Handles, token, out var grantId, out _))
            await ending.TryEndGrantAsync(grantId, client.Value.ClientId, new AuditNote(AuditEvents.GrantEnded, AuditReasons.Revoked, Caller.AddressOf(http))).WithinDeadline(http);
        return null;
    }

    private async Task RevokeAccessTokenAsync(HttpContext http, Client client, string token)
    {
        var claims = accessTokens.FindRevocable(token);
        if (claims?.JwtId is not null && claims.ClientId == client.ClientId)
            await ending.EndTokenAsync(claims, new AuditNote(AuditEvents.TokenRevoked, AuditReasons.Revoked, Caller.AddressOf(http)), http.Deadline()).WithinDeadline(http);
    }
}
