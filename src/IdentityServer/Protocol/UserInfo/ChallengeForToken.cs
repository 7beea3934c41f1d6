using IdentityServer.Protocol.Dpop;
using IdentityServer.Protocol.Pipeline;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.UserInfo;

/// <summary>
/// RFC 6750 §3, RFC 9449 §7.1: the challenge names the token's scheme and the error, but no error if the request had no
/// token. OpenIddict knows only one scheme.
/// </summary>
internal sealed class ChallengeForToken(DpopProofs proofs) : IOpenIddictServerHandler<ApplyUserInfoResponseContext>
{
    public ValueTask HandleAsync(ApplyUserInfoResponseContext context)
    {
        var request = ProtocolRequest.Of(context);
        // A caller that is told to wait does not need another token.
        if (request.Refusal is not { RetryAfter: null } error)
            return default;
        var challenge = request.IsByDpop || error == Errors.TokenIsBound ? proofs.Challenge : "Bearer realm=\"IdentityServer\"";
        if (error != Errors.AccessTokenMissing)
            challenge += $", error=\"{error.Code}\", error_description=\"{error.Description}\"";
        if (error == Errors.OpenIdScopeMissing)
            challenge += $", scope=\"{Scopes.OpenId}\"";
        request.Http.Response.Headers.WWWAuthenticate = challenge;
        return default;
    }
}
