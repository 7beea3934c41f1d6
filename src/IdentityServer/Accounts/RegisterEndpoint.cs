using System.Net;
using System.Text.Json;
using IdentityServer.Audit;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Passwords;
using IdentityServer.Protocol;
using IdentityServer.Storage;
using IdentityServer.Tokens;
using LocalPostgres;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace IdentityServer.Accounts;

/// <summary>
/// <c>POST /api/register</c> and <c>POST /register</c>: makes an account and, so that the caller may go on at once, its
/// first access token. Whether a name is free is decided by the unique indexes alone: of two at once one gets it.
/// </summary>
internal sealed class RegisterEndpoint(
    RegistrationRules rules, PasswordHashing passwords, SignIn signIn, RequestLimits limits, TimeProvider time)
{
    /// <summary>Whoever wants a refresh token signs in.</summary>
    private static readonly ScopeSet FirstScopes = Client.AccountApi.Scopes.Without(Scopes.OfflineAccess);

    public Task<ApiResult<ApiSuccess>> RegisterWithProfileAsync(HttpContext http) => RegisterAsync(http, asksProfile: true);

    public Task<ApiResult<ApiSuccess>> RegisterAsync(HttpContext http) => RegisterAsync(http, asksProfile: false);

    private async Task<ApiResult<ApiSuccess>> RegisterAsync(HttpContext http, bool asksProfile)
    {
        if (limits.Refuse(Limit.Registration, http) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);

        var body = await JsonBody.ReadAsync(http);
        if (body.IsRefused)
            return body.Error;
        using var members = body.Value;
        var registration = rules.Read(members, asksProfile);
        if (registration.IsRefused)
            return registration.Error;

        var hash = await passwords.TryHashAsync(registration.Value.Password, http.RequestAborted);
        if (hash is null)
            return ApiErrors.ServiceUnavailable;

        var user = CreateUser(registration.Value, hash);
        if (await TryStoreAsync(http, user, registration.Value) is { } taken)
            return taken;

        // The account is there now: a caller who hangs up does not undo it.
        var tokens = await signIn.TryStartAsync(
            Client.AccountApi, new CheckedUser(user.Id, user.SecurityStamp!, [], null, null), FirstScopes, Caller.AddressOf(http), http.Deadline(), AuditReasons.Registration);
        // An administrator was quicker than we are: the account exists and is disabled already.
        if (tokens is null)
            return AccountErrors.InvalidCredentials;
        return new ApiSuccess(HttpStatusCode.Created, "User successfully registered!", json => Write(json, user, tokens.AccessToken));
    }

    private User CreateUser(Registration registration, string hash)
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

    /// <summary>Null: stored. UserManager folds the names and makes the security stamp.</summary>
    private static async Task<ApiError?> TryStoreAsync(HttpContext http, User user, Registration registration)
    {
        var caller = Caller.Of(http, Client.AccountApi.ClientId);
        // Saved with the account, by the store that shares this context.
        http.RequestServices.GetRequiredService<AuthDb>().AuditEvents.Add(new AuditEventRow
        {
            At = user.CreatedAt, Event = AuditEvents.UserRegistered, Subject = user.Id, ClientId = caller.ClientId, RemoteAddress = caller.Address,
        });
        try
        {
            var result = await http.RequestServices.GetRequiredService<UserManager<User>>().CreateAsync(user);
            return result.Succeeded ? null : throw new InvalidOperationException($"ASP.NET Core Identity refused the account: {result}.");
        }
        catch (DbUpdateException refused) when (refused.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } taken)
        {
            return taken.ConstraintName == "users_by_email" || registration.IsNamedByEmail ? AccountErrors.EmailExists : AccountErrors.UserNameExists;
        }
    }

    private static void Write(Utf8JsonWriter json, User user, AccessToken token)
    {
        json.WriteString("user_id", user.Id);
        json.WriteString("username", user.UserName);
        json.WriteString("email", user.Email);
        json.WriteString("full_name", user.FullName);
        if (user.Age is { } age)
            json.WriteNumber("age", age);
        else
            json.WriteNull("age");
        json.WriteString("gender", user.Gender);
        json.WriteString("access_token", token.Text);
        json.WriteString("token_type", "Bearer");
        json.WriteNumber("expires_in", token.ExpiresIn);
    }
}
