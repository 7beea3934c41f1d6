namespace IdentityServer.Accounts.Api;

/// <summary>
/// <c>POST /auth/reset_password</c>: requests a reset with an e-mail address alone, and completes it with the token
/// sent there and a new password, which ends every grant of the user.
/// </summary>
internal sealed class ResetPasswordEndpoint(PasswordResets resets)
{
    public async Task<ApiResult<ApiSuccess>> ResetAsync(HttpContext httpContext)
    {
        var body = await JsonBody.ReadAsync(httpContext);
        if (body.IsRefused)
            return body.Error;
        using var members = body.Value;
        if (!members.TryRead("email", out var email) || !members.TryRead("reset_token", out var token) || !members.TryRead("new_password", out var chosen))
            return AccountErrors.WrongType;
        if (string.IsNullOrEmpty(email))
            return AccountErrors.ResetMissing;
        if (token is null && chosen is null)
            return await resets.AskAsync(httpContext, email);
        if (string.IsNullOrEmpty(token) || string.IsNullOrEmpty(chosen))
            return AccountErrors.ResetMissing;
        return await resets.MakeAsync(httpContext, email, token, chosen);
    }
}
