using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Accounts;

/// <summary>Stores accounts. Whether a name is free is decided by the unique indexes alone: of two at once one gets it.</summary>
internal sealed class NewAccounts(TimeProvider time)
{
    /// <summary>UserManager folds the names and makes the security stamp.</summary>
    /// <param name="hash">Of the password.</param>
    public Task<ApiResult<User>> TryStoreAsync(HttpContext http, Registration registration, string hash)
    {
        var caller = Caller.Of(http, Client.AccountApi.ClientId);
        return http.InOwnScopeAsync((services, _) => TryStoreAsync(services, registration, hash, caller));
    }

    /// <summary>Stores the account of a link that was followed, and spends the link with it.</summary>
    public Task<ApiResult<User>> TryStoreConfirmedAsync(HttpContext http, PendingRegistration pending, byte[] tokenHash)
    {
        var caller = Caller.Of(http, Client.AccountApi.ClientId);
        var registration = new Registration(pending.UserName, IsNamedByEmail: false, pending.Email, Password: "", pending.FullName, Age: null, Gender: null);
        return http.InOwnScopeAsync(async (services, deadline) =>
        {
            var db = services.GetRequiredService<AuthDb>();
            await using var transaction = await db.Database.BeginTransactionAsync(deadline);
            if (!await PendingRegistrationStore.TrySpendAsync(db, tokenHash, time.GetUtcNow(), deadline))
                return AccountErrors.InvalidResetToken;
            var stored = await TryStoreAsync(services, registration, pending.PasswordHash, caller, isEmailConfirmed: true);
            if (!stored.IsRefused)
                await transaction.CommitAsync(CancellationToken.None);
            return stored;
        });
    }

    /// <summary>For forms, which tell it before anything is stored. User names are public.</summary>
    public static Task<bool> IsTakenAsync(HttpContext http, string userName)
    {
        var folded = LoginName.Fold(userName);
        return http.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Users.AnyAsync(user => user.NormalizedUserName == folded, deadline));
    }

    private async Task<ApiResult<User>> TryStoreAsync(IServiceProvider services, Registration registration, string hash, Caller caller, bool isEmailConfirmed = false)
    {
        var user = Create(registration, hash);
        user.EmailConfirmed = isEmailConfirmed;
        // Saved with the account, by the store that shares this context.
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
        var now = time.GetUtcNow();
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
