using IdentityServer.Clients;
using IdentityServer.Protocol.Dpop;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Protocol.Tokens;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.UserInfo;

/// <summary>The access token must be genuine and alive, and a bound one comes with its key (RFC 9449 §7.1) or certificate (RFC 8705 §3).</summary>
internal sealed class RequireLiveAccessToken(AccessTokenVerifier tokens, DpopProofs proofs, Pulse pulse) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var request = ProtocolRequest.Of(context);
        var token = context.Request.AccessToken!;
        // Without knowing what other nodes revoked, any answer would be a guess.
        if (!pulse.IsFresh)
            request.Refuse(context, Errors.Unavailable);
        else if ((request.TokenClaims = tokens.FindLive(token)) is not { } claims || !Confirmation.Of(claims).IsUnderstood)
            request.Refuse(context, Errors.AccessTokenRefused);
        else if (!Confirmation.Of(claims).IsMetBy(context.Transaction.RemoteCertificate))
            request.Refuse(context, Errors.TokenIsBoundToCertificate);
        else if (await proofs.RefuseUseAsync(request.Http, ProtocolRoutes.UserInfo, token, claims, request.IsByDpop) is { } unproved)
            request.Refuse(context, unproved);
    }
}
