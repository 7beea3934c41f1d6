using IdentityServer.Audit;
using IdentityServer.Keys;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Server;
using ServiceDefaults;
using ServiceDefaults.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Revocation;

/// <summary>
/// Ends the token that a client revokes (RFC 7009). A refresh token takes its whole grant along, an access token only itself
/// (§2.1). What is unknown, dead or another client's is answered alike and not changed at all (§2.2).
/// </summary>
internal sealed class EndPresentedToken(AccessTokens accessTokens, GrantEnding ending, CurrentKeys keys, DatabaseGate database) : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var token = context.Request.Token!;
        using var place = database.TryEnter();
        if (place.IsRefused)
            request.Refuse(context, Errors.Busy);
        // The form of the token tells its kind; a wrong hint does no harm (RFC 7009 §2.1).
        else if (AccessTokens.MayBe(token))
            await EndAccessTokenAsync(request, token);
        // Who hangs up, as a page does that is closed at sign-out, is signed out all the same.
        else if (GrantHandle.TryRead(keys.Value.Handles, token, out var grantId, out _))
            await ending.TryEndGrantAsync(grantId, request.Client.ClientId, NoteOf(request, AuditEvents.GrantEnded)).WithinDeadline(request.Http);
    }

    private async Task EndAccessTokenAsync(ProtocolRequest request, string token)
    {
        var claims = accessTokens.FindRevocable(token);
        if (claims?.JwtId is not null && claims.ClientId == request.Client.ClientId)
            await ending.EndTokenAsync(claims, NoteOf(request, AuditEvents.TokenRevoked), request.Http.Deadline()).WithinDeadline(request.Http);
    }

    private static AuditNote NoteOf(ProtocolRequest request, string what) => new(what, AuditReasons.Revoked, Caller.AddressOf(request.Http));
}
