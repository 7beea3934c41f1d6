using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Protocol.Grants;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Accounts;

/// <summary>
/// Changes a password from a browser. In the same transaction every grant of the user and every session but this browser's ends, and
/// pending resets become invalid.
/// </summary>
internal sealed class BrowserPasswordChange(UserGrants grants, SessionEnding sessions, TimeProvider timeProvider)
{
    /// <summary>False: the password was changed or the account disabled since the old password was checked; nothing changes.</summary>
    /// <param name="user">As of the check of the old password.</param>
    public Task<bool> TryAsync(HttpContext httpContext, Guid sessionId, CheckedUser user, string hash)
    {
        var caller = Caller.Of(httpContext, Client.AccountApi.ClientId);
        return httpContext.InOwnScopeAsync((services, deadline) => TryAsync(services.GetRequiredService<AuthDb>(), sessionId, user, hash, caller, deadline));
    }

    private async Task<bool> TryAsync(AuthDb db, Guid sessionId, CheckedUser user, string hash, Caller caller, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        // First and separately: it locks the user's row, and fails if the stamp has changed since the check.
        if (!await PasswordStore.TryReplaceAsync(db, user.Id, user.SecurityStamp, hash, cancellationToken) || await grants.EndAllAsync(db, user.Id, cancellationToken) is not { } ended)
            return false;
        await SessionStore.CarryOnAsync(db, sessionId, user.Id, cancellationToken);
        await ResetTokenStore.DeleteAsync(db, user.Id, cancellationToken);
        db.AuditEvents.Add(new AuditEventRow
        {
            At = timeProvider.GetUtcNow(), Event = AuditEvents.PasswordChanged, Subject = user.Id, ClientId = caller.ClientId, RemoteAddress = caller.Address,
        });
        await db.SaveChangesAsync(cancellationToken);
        var left = await sessions.EndAllAsync(
            (NpgsqlConnection)db.Database.GetDbConnection(), user.Id, kept: sessionId, new AuditNote(AuditEvents.SessionEnded, AuditReasons.Password, caller.Address), cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        grants.Announce(ended);
        sessions.Announce(left);
        return true;
    }
}
