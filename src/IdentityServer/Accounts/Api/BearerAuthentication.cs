using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Accounts.Api;

/// <summary>Accepts an access token in the header only (RFC 6750 §2.1): one of ours, issued to any client.</summary>
internal sealed class BearerAuthentication(AccessTokenVerifier tokens, Pulse pulse)
{
    public ApiResult<JwtClaims> Authenticate(HttpContext httpContext)
    {
        var headers = httpContext.Request.Headers.Authorization;
        if (headers.Count > 1)
            return ApiErrors.InvalidToken;
        // RFC 9110 §11.1: the scheme is case-insensitive.
        const string scheme = "Bearer ";
        if (headers.ToString() is not { } header || !header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            return ApiErrors.TokenMissing;

        // A node out of touch with the database can't know whether the token was revoked.
        if (!pulse.IsFresh)
            return ApiErrors.ServiceUnavailable;
        if (tokens.FindLive(header[scheme.Length..].Trim(' ')) is not { } claims)
            return ApiErrors.InvalidToken;
        // A key-bound token must not be used as a bearer token (RFC 9449 §7.2).
        var confirmation = Confirmation.Of(claims);
        return confirmation is { Key: null, IsUnderstood: true } && confirmation.IsMetBy(httpContext.Connection.ClientCertificate) ? claims : ApiErrors.InvalidToken;
    }
}
