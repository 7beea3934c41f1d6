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
/// Ends the token that a client revokes (RFC 7009). A refresh token ends its whole grant, an access token only itself
/// (§2.1). Unknown, dead and other clients' tokens all get the same answer, and nothing changes (§2.2).
/// </summary>
internal sealed class EndPresentedToken(AccessTokenVerifier accessTokens, GrantEnding ending, CurrentKeys keys, DatabaseGate database) : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        var request = ProtocolRequest.Of(context);
        var token = context.Request.Token!;
        using var place = database.TryEnter();
        if (place.IsRefused)
            request.Refuse(context, Errors.Busy);
        // The form of the token shows its kind, so a wrong hint does no harm (RFC 7009 §2.1).
        else if (AccessTokenVerifier.MayBe(token))
            await EndAccessTokenAsync(request, token);
        // Not cancelled with the request: a page that is closed during sign-out still signs out.
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
