using System.Net;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Protocol.Grants;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts;

/// <summary>Password resets, by JSON or on a page: sends a message with a token, then accepts a new password for it and ends every grant of the user.</summary>
internal sealed class PasswordResets(
    ResetRequests requests, PasswordPolicy policy, PasswordHashing hashing, UserGrants grants, SessionEnding sessions, DatabaseGate database, RequestLimits limits, Pulse pulse, TimeProvider timeProvider)
{
    /// <summary>Looks nothing up, so the answer and its time don't reveal whether the account exists.</summary>
    public async Task<ApiResult<ApiSuccess>> AskAsync(HttpContext httpContext, string email)
    {
        if (limits.Refuse(Limit.Reset, httpContext.Connection.RemoteIpAddress, email) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);
        using var place = database.TryEnter();
        if (place.IsRefused || !pulse.IsFresh)
            return ApiErrors.ServiceUnavailable;
        await requests.AddAsync(email, Caller.AddressOf(httpContext), httpContext.Deadline()).WithinDeadline(httpContext);
        return new ApiSuccess(HttpStatusCode.Accepted, "If an account with this e-mail address exists, a message with a reset token is on its way.");
    }

    /// <param name="token">As it was sent.</param>
    public async Task<ApiResult<ApiSuccess>> MakeAsync(HttpContext httpContext, string email, string token, string chosen)
    {
        if (limits.Refuse(Limit.Reset, httpContext) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);
        // Before the token is spent, so that the user can choose another password if this one is refused.
        if (policy.Refuse(chosen, email) is { } asked)
            return AccountErrors.InvalidPassword(asked);
        if (!LoginName.IsPossible(email) || ResetTokens.HashOf(token) is not { } tokenHash)
            return AccountErrors.InvalidResetToken;

        var folded = LoginName.Fold(email);
        var now = timeProvider.GetUtcNow();
        NamedUser? found;
        using (var place = database.TryEnter())
        {
            if (place.IsRefused)
                return ApiErrors.ServiceUnavailable;
            // Looked up first, so that only a caller with a valid token makes us hash.
            found = await httpContext.InOwnScopeAsync((services, deadline) =>
                ResetTokenStore.FindUserAsync(services.GetRequiredService<AuthDb>(), folded, tokenHash, now, deadline));
        }
        if (found is not { } user)
            return AccountErrors.InvalidResetToken;
        // Only a caller with the token may learn the user name.
        if (policy.Refuse(chosen, user.UserName) is { } askedToo)
            return AccountErrors.InvalidPassword(askedToo);
        if (await hashing.TryHashAsync(chosen, httpContext.RequestAborted) is not { } hash)
            return ApiErrors.ServiceUnavailable;
        var caller = Caller.Of(httpContext, Client.AccountApi.ClientId);
        return await httpContext.InOwnScopeAsync((services, deadline) => SpendAsync(services.GetRequiredService<AuthDb>(), user.Id, tokenHash, hash, caller, deadline));
    }

    private async Task<ApiResult<ApiSuccess>> SpendAsync(AuthDb db, Guid userId, byte[] tokenHash, string hash, Caller caller, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        // The user's row is always locked first; then the token is spent by the statement that looks for it.
        var ended = await grants.EndAllAsync(db, userId, cancellationToken);
        if (!await ResetTokenStore.TrySpendAsync(db, userId, tokenHash, timeProvider.GetUtcNow(), cancellationToken) || ended is null)
            return AccountErrors.InvalidResetToken;
        await PasswordStore.SetAsync(db, userId, hash, cancellationToken);
        db.AuditEvents.Add(new AuditEventRow
        {
            At = timeProvider.GetUtcNow(), Event = AuditEvents.PasswordReset, Subject = userId, ClientId = caller.ClientId, RemoteAddress = caller.Address,
        });
        await db.SaveChangesAsync(cancellationToken);
        var left = await sessions.EndAllAsync(
            (NpgsqlConnection)db.Database.GetDbConnection(), userId, kept: null, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Password, caller.Address), cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        grants.Announce(ended);
        sessions.Announce(left);
        return new ApiSuccess(HttpStatusCode.OK, "Password reset successfully.");
    }
}
