using System.Net;
using System.Text.Json;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Limits;
using IdentityServer.Protocol.Grants;
using IdentityServer.Protocol.Tokens;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace IdentityServer.Accounts.Api;

/// <summary><c>POST /api/token</c> and <c>POST /login</c>: tokens for a user name, or an e-mail address, and a password.</summary>
internal sealed class SignInEndpoint(PasswordVerifier passwords, SignIn signIn, AccessTokenWriter issuer, RequestLimits limits)
{
    public async Task<ApiResult<ApiSuccess>> SignInAsync(HttpContext httpContext)
    {
        var (body, fault) = await JsonBody.ReadAsync(httpContext);
        if (body is null)
            return ApiErrors.Of(fault);
        using var members = body;
        if (!members.TryRead("username", out var userName) || !members.TryRead("email", out var email) || !members.TryRead("password", out var password))
            return AccountErrors.WrongType;
        var login = string.IsNullOrEmpty(userName) ? email : userName;
        if (string.IsNullOrEmpty(login) || string.IsNullOrEmpty(password))
            return AccountErrors.SignInMissing;

        if (limits.Refuse(Limit.SignIn, httpContext.Connection.RemoteIpAddress, login) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);

        var caller = Caller.Of(httpContext, Client.AccountApi.ClientId);
        var check = await passwords.CheckAsync(login, password, caller, httpContext.RequestAborted).WithinDeadline(httpContext);
        if (check.Outcome == PasswordOutcome.Busy)
            return ApiErrors.ServiceUnavailable;
        if (check.User is not { } user)
            return AccountErrors.InvalidCredentials;

        // The caller is gone: nobody would receive the tokens.
        httpContext.RequestAborted.ThrowIfCancellationRequested();
        var issuance = await signIn.TryStartAsync(Client.AccountApi, user, Client.AccountApi.Scopes, caller.Address, httpContext.Deadline()).WithinDeadline(httpContext);
        if (issuance is null)
            return AccountErrors.InvalidCredentials;
        return new ApiSuccess(HttpStatusCode.OK, "Access token generated successfully.", json => Write(json, issuer.IssueAccessToken(issuance), issuer.IssueRefreshToken(issuance)));
    }

    private static void Write(Utf8JsonWriter json, IssuedAccessToken accessToken, string? refreshToken)
    {
        json.WriteString("access_token", accessToken.Text);
        json.WriteNumber("expires_in", accessToken.ExpiresIn);
        json.WriteString("token_type", "Bearer");
        json.WriteString("refresh_token", refreshToken);
    }
}
