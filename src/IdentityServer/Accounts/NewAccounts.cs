using IdentityServer.Audit;
using IdentityServer.Configuration;
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

    private async Task<ApiResult<User>> TryStoreAsync(IServiceProvider services, Registration registration, string hash, Caller caller)
    {
        var user = Create(registration, hash);
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
