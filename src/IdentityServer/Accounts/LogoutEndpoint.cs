using System.Net;
using IdentityServer.Audit;
using IdentityServer.Http;
using IdentityServer.Tokens;
using LocalPostgres;
using Postgres;

namespace IdentityServer.Accounts;

/// <summary><c>POST /logout</c>: ends the grant behind the access token, or a client's own token alone.</summary>
internal sealed class LogoutEndpoint(BearerAuthentication bearer, GrantEnding ending, DatabaseGate database)
{
    public async Task<ApiResult<ApiSuccess>> LogoutAsync(HttpContext http)
    {
        var token = bearer.Authenticate(http);
        if (token.IsRefused)
            return token.Error;
        using var place = database.TryEnter();
        if (place.IsRefused)
            return ApiErrors.ServiceUnavailable;

        // Who hangs up, as a page does that is closed at sign-out, is signed out all the same.
        var address = Caller.AddressOf(http);
        if (AccessTokens.GrantOf(token.Value) is { } grantId)
        {
            // Lost: another node, or a request at the same time, has ended it already.
            if (!await ending.TryEndGrantAsync(grantId, clientId: null, new AuditNote(AuditEvents.GrantEnded, AuditReasons.Logout, address)).WaitAsync(http.Deadline()))
                return ApiErrors.InvalidToken;
        }
        else
        {
            await ending.EndTokenAsync(token.Value, new AuditNote(AuditEvents.TokenRevoked, AuditReasons.Logout, address), http.Deadline());
        }
        return new ApiSuccess(HttpStatusCode.OK, "Logged out successfully.");
    }
}
