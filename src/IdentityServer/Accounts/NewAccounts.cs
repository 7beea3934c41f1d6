using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Accounts;

/// <summary>Stores accounts. Only the unique indexes decide whether a name is free, so of two concurrent requests one gets it.</summary>
internal sealed class NewAccounts(TimeProvider timeProvider)
{
    /// <summary>UserManager folds the names and creates the security stamp.</summary>
    /// <param name="hash">The password's hash.</param>
    public Task<ApiResult<User>> TryStoreAsync(HttpContext httpContext, Registration registration, string hash)
    {
        var caller = Caller.Of(httpContext, Client.AccountApi.ClientId);
        return httpContext.InOwnScopeAsync((services, _) => TryStoreAsync(services, registration, hash, caller));
    }

    /// <summary>Stores the account for a registration link, and spends the link with it.</summary>
    public Task<ApiResult<User>> TryStoreConfirmedAsync(HttpContext httpContext, PendingRegistration pending, byte[] tokenHash)
    {
        var caller = Caller.Of(httpContext, Client.AccountApi.ClientId);
        var registration = new Registration(pending.UserName, IsNamedByEmail: false, pending.Email, Password: "", pending.FullName, Age: null, Gender: null);
        return httpContext.InOwnScopeAsync(async (services, deadline) =>
        {
            var db = services.GetRequiredService<AuthDb>();
            await using var transaction = await db.Database.BeginTransactionAsync(deadline);
            if (!await PendingRegistrationStore.TrySpendAsync(db, tokenHash, timeProvider.GetUtcNow(), deadline))
                return AccountErrors.InvalidResetToken;
            var stored = await TryStoreAsync(services, registration, pending.PasswordHash, caller, isEmailConfirmed: true);
            if (!stored.IsRefused)
                await transaction.CommitAsync(CancellationToken.None);
            return stored;
        });
    }

    /// <summary>For forms, which report a taken name before anything is stored. User names are public.</summary>
    public static Task<bool> IsTakenAsync(HttpContext httpContext, string userName)
    {
        var folded = LoginName.Fold(userName);
        return httpContext.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Users.AnyAsync(user => user.NormalizedUserName == folded, deadline));
    }

    private async Task<ApiResult<User>> TryStoreAsync(IServiceProvider services, Registration registration, string hash, Caller caller, bool isEmailConfirmed = false)
    {
        var user = Create(registration, hash);
        user.EmailConfirmed = isEmailConfirmed;
        // Saved with the account, because the store shares this context.
        services.GetRequiredService<AuthDb>().AuditEvents.Add(new AuditEventRow
        {
            At = user.CreatedAt, Event = AuditEvents.UserRegistered, Subject = user.Id, ClientId = caller.ClientId, RemoteAddress = caller.Address,
        });
        try
        {
            var result = await services.GetRequiredService<UserManager<User>>().CreateAsync(user);
            return result.Succeeded ? user : throw new InvalidOperationException($"ASP.NET Core Identity refused the account: {result}.");
        }
        catch (DbUpdateException refused) when (refused.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } taken)
        {
            return taken.ConstraintName == "users_by_email" || registration.IsNamedByEmail ? AccountErrors.EmailExists : AccountErrors.UserNameExists;
        }
    }

    private User Create(Registration registration, string hash)
    {
        var now = timeProvider.GetUtcNow();
        return new User
        {
            Id = Guid.CreateVersion7(now),
            UserName = registration.UserName,
            Email = registration.Email,
            PasswordHash = hash,
            FullName = registration.FullName,
            Age = registration.Age,
            Gender = registration.Gender,
            CreatedAt = now,
        };
    }
}
