using System.Net;
using IdentityServer.Audit;
using IdentityServer.Limits;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts.Api;

/// <summary><c>POST /logout</c>: ends the access token's grant, or just the token if it is a client's own.</summary>
internal sealed class LogoutEndpoint(BearerAuthentication bearer, GrantEnding ending, RequestLimits limits, DatabaseGate database)
{
    public async Task<ApiResult<ApiSuccess>> LogoutAsync(HttpContext httpContext)
    {
        if (limits.Refuse(Limit.SignOut, httpContext) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);
        var token = bearer.Authenticate(httpContext);
        if (token.IsRefused)
            return token.Error;
        var grant = AccessTokenVerifier.GrantOf(token.Value);
        // A client's own token has no account.
        if (grant is not null && limits.RefuseAccount(Limit.SignOut, token.Value.Subject) is { } tooManyOfAccount)
            return AccountErrors.TooManyRequests(tooManyOfAccount);
        using var place = database.TryEnter();
        if (place.IsRefused)
            return ApiErrors.ServiceUnavailable;

        // Not cancelled with the request: a page that is closed during sign-out still signs out.
        var address = Caller.AddressOf(httpContext);
        if (grant is { } grantId)
        {
            // Another node or request has ended it already.
            if (!await ending.TryEndGrantAsync(grantId, clientId: null, new AuditNote(AuditEvents.GrantEnded, AuditReasons.Logout, address)).WithinDeadline(httpContext))
                return AccountErrors.InvalidToken;
        }
        else
        {
            await ending.EndTokenAsync(token.Value, new AuditNote(AuditEvents.TokenRevoked, AuditReasons.Logout, address), httpContext.Deadline()).WithinDeadline(httpContext);
        }
        return new ApiSuccess(HttpStatusCode.OK, "Logged out successfully.");
    }
}
