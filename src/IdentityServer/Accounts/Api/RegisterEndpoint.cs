using System.Net;
using System.Text.Json;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Limits;
using IdentityServer.Protocol;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace IdentityServer.Accounts.Api;

/// <summary>
/// <c>POST /api/register</c> and <c>POST /register</c>: creates an account and, so that the caller can go on at once, its
/// first access token.
/// </summary>
internal sealed class RegisterEndpoint(
    RegistrationRules rules, PasswordHashing passwords, NewAccounts accounts, SignIn signIn, AccessTokenWriter issuer, RequestLimits limits)
{
    /// <summary>To get a refresh token, sign in.</summary>
    private static readonly ScopeSet FirstScopes = Client.AccountApi.Scopes.Without(Scopes.OfflineAccess);

    public Task<ApiResult<ApiSuccess>> RegisterWithProfileAsync(HttpContext httpContext) => RegisterAsync(httpContext, asksProfile: true);

    public Task<ApiResult<ApiSuccess>> RegisterAsync(HttpContext httpContext) => RegisterAsync(httpContext, asksProfile: false);

    private async Task<ApiResult<ApiSuccess>> RegisterAsync(HttpContext httpContext, bool asksProfile)
    {
        if (limits.Refuse(Limit.Registration, httpContext) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);

        var (body, fault) = await JsonBody.ReadAsync(httpContext);
        if (body is null)
            return ApiErrors.Of(fault);
        using var members = body;
        var registration = rules.Read(members, asksProfile);
        if (registration.IsRefused)
            return registration.Error;

        var hash = await passwords.TryHashAsync(registration.Value.Password, httpContext.RequestAborted);
        if (hash is null)
            return ApiErrors.ServiceUnavailable;

        var stored = await accounts.TryStoreAsync(httpContext, registration.Value, hash);
        if (stored.IsRefused)
            return stored.Error;
        var user = stored.Value;

        // Not cancelled with the request: the account exists now.
        var issuance = await signIn.TryStartAsync(
            Client.AccountApi, new CheckedUser(user.Id, user.SecurityStamp!, [], null, null), FirstScopes, Caller.AddressOf(httpContext), httpContext.Deadline(), AuditReasons.Registration)
            .WithinDeadline(httpContext);
        // An administrator has disabled the new account in the meantime.
        if (issuance is null)
            return AccountErrors.InvalidCredentials;
        return new ApiSuccess(HttpStatusCode.Created, "User successfully registered!", json => Write(json, user, issuer.IssueAccessToken(issuance)));
    }

    private static void Write(Utf8JsonWriter json, User user, IssuedAccessToken token)
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
