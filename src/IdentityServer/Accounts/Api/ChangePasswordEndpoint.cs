using System.Net;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Keys;
using IdentityServer.Limits;
using IdentityServer.Protocol;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts.Api;

/// <summary>
/// <c>POST /auth/change_password</c>: every other grant of the user ends; the grant of the request's access token continues,
/// with a new refresh token.
/// </summary>
internal sealed class ChangePasswordEndpoint(
    BearerAuthentication bearer, PasswordPolicy policy, PasswordVerifier verifier, PasswordHashing hashing, PasswordStore passwords,
    GrantStore grants, CurrentConfiguration configuration, CurrentKeys keys, Revocations revocations, SessionEnding sessions, Pulse pulse,
    DatabaseGate database, RequestLimits limits, RefreshTokenSettings refresh, TimeProvider timeProvider)
{
    public async Task<ApiResult<ApiSuccess>> ChangeAsync(HttpContext httpContext)
    {
        var token = bearer.Authenticate(httpContext);
        if (token.IsRefused)
            return token.Error;
        // A client's own token has no user.
        if (AccessTokenVerifier.GrantOf(token.Value) is not { } grantId || !Guid.TryParse(token.Value.Subject, out var userId))
            return AccountErrors.InvalidToken;

        var (body, fault) = await JsonBody.ReadAsync(httpContext);
        if (body is null)
            return ApiErrors.Of(fault);
        using var members = body;
        if (!members.TryRead("current_password", out var current) || !members.TryRead("new_password", out var chosen))
            return AccountErrors.WrongType;
        if (string.IsNullOrEmpty(current) || string.IsNullOrEmpty(chosen))
            return AccountErrors.PasswordsMissing;
        if (policy.Refuse(chosen) is { } asked)
            return AccountErrors.InvalidPassword(asked);

        if (limits.Refuse(Limit.SignIn, httpContext.Connection.RemoteIpAddress, token.Value.Subject) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);
        GrantState? grant;
        using (var place = database.TryEnter())
        {
            if (place.IsRefused)
                return ApiErrors.ServiceUnavailable;
            grant = await grants.FindAsync(grantId, timeProvider.GetUtcNow(), httpContext.Deadline()).WithinDeadline(httpContext);
        }
        if (grant is not { IsAlive: true })
            return AccountErrors.InvalidToken;

        var caller = Caller.Of(httpContext, grant.ClientId);
        var check = await verifier.CheckAsync(userId, current, caller, httpContext.RequestAborted).WithinDeadline(httpContext);
        if (check.Outcome == PasswordOutcome.Busy)
            return ApiErrors.ServiceUnavailable;
        if (check.User is not { } user)
            return AccountErrors.InvalidCredentials;
        // Only a caller who knows the password may learn the account's names.
        if (policy.Refuse(chosen, user.UserName, user.Email) is { } askedToo)
        {
            await verifier.TakeBackAsync(user).WithinDeadline(httpContext);
            return AccountErrors.InvalidPassword(askedToo);
        }
        if (await hashing.TryHashAsync(chosen, httpContext.RequestAborted) is not { } hash)
        {
            await verifier.TakeBackAsync(user).WithinDeadline(httpContext);
            return ApiErrors.ServiceUnavailable;
        }

        return await ChangeAsync(user, grant, hash, caller, httpContext.Deadline()).WithinDeadline(httpContext);
    }

    private async Task<ApiResult<ApiSuccess>> ChangeAsync(CheckedUser user, GrantState grant, string hash, Caller caller, CancellationToken deadline)
    {
        var now = timeProvider.GetUtcNow();
        var scopes = ScopeSet.Of(grant.Scopes);
        // Giving the password now is as good as signing in, so a grant from registration gets its
        // refresh token here. A grant of another client keeps its scope.
        var becomesLasting = grant.ClientId == Client.AccountApi.ClientId && !scopes.Contains(Scopes.OfflineAccess);
        if (becomesLasting)
            scopes = Client.AccountApi.Scopes;
        var mayRefresh = scopes.Contains(Scopes.OfflineAccess)
            && configuration.Value.FindClient(grant.ClientId) is { MayRefresh: true };

        EndedSessions? left = null;
        var changed = await passwords.TryChangeAsync(
            new PasswordChange(
                user.Id, hash, user.SecurityStamp, SecurityStamps.Create(), grant.Id, scopes.ToArray(),
                now, mayRefresh ? refresh.Lifetime : null, becomesLasting ? grant.CreatedAt + refresh.AbsoluteLifetime : null, refresh.PruneGrain, caller),
            async connection => left = await sessions.EndAllAsync(
                connection, user.Id, kept: null, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Password, caller.Address), deadline),
            deadline);
        // The password was changed by another request in the meantime.
        if (changed is null)
            return AccountErrors.InvalidCredentials;

        foreach (var (ended, until) in changed.Ended)
            revocations.EndGrant(ended, until);
        pulse.Wake();
        sessions.Announce(left!);
        const string message = "Password changed successfully.";
        return mayRefresh
            ? new ApiSuccess(HttpStatusCode.OK, message, json => json.WriteString(
                "refresh_token", GrantHandle.Write(keys.Value.Handles, grant.Id, changed.Generation, changed.RotatedAt)))
            : new ApiSuccess(HttpStatusCode.OK, message);
    }
}
