namespace IdentityServer.Accounts.Api;

/// <summary>
/// <c>POST /auth/reset_password</c>: asks for a reset with an e-mail address alone, makes it with the token that was
/// sent there and a new password. Then every grant of the user ends.
/// </summary>
internal sealed class ResetPasswordEndpoint(PasswordResets resets)
{
    public async Task<ApiResult<ApiSuccess>> ResetAsync(HttpContext http)
    {
        var body = await JsonBody.ReadAsync(http);
        if (body.IsRefused)
            return body.Error;
        using var members = body.Value;
        if (!members.TryRead("email", out var email) || !members.TryRead("reset_token", out var token) || !members.TryRead("new_password", out var chosen))
            return AccountErrors.WrongType;
        if (string.IsNullOrEmpty(email))
            return AccountErrors.ResetMissing;
        if (token is null && chosen is null)
            return await resets.AskAsync(http, email);
        if (string.IsNullOrEmpty(token) || string.IsNullOrEmpty(chosen))
            return AccountErrors.ResetMissing;
        return await resets.MakeAsync(http, email, token, chosen);
    }
}
