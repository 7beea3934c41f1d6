using IdentityServer.Accounts.Passwords;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Settings;

namespace IdentityServer.Accounts.Pages;

/// <summary>
/// <c>/account/reset-password</c>: the target of the link in a message. Opening it changes nothing and needs no database; the new password
/// is handled as in the account API.
/// </summary>
internal sealed class ResetPasswordPageEndpoint(PageWriter pages, PageForms forms, PasswordResets resets, PasswordSettings policy, IssuerSettings issuer)
{
    public Task GetAsync(HttpContext httpContext)
    {
        var (email, token) = (httpContext.Request.Query["email"].ToString(), httpContext.Request.Query["token"].ToString());
        return WriteAsync(httpContext, StatusCodes.Status200OK, new Filled(email, ResetTokens.HashOf(token) is null ? "" : token), []);
    }

    public async Task PostAsync(HttpContext httpContext)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var texts = Languages.Choose(httpContext);
        var (filled, chosen) = (new Filled(form["email"].Trim(), form["token"].Trim()), form["new_password"]);
        Dictionary<string, string> missing = [];
        if (filled.Email.Length == 0)
            missing["email"] = texts["forgot.email_missing"];
        if (filled.Token.Length == 0)
            missing["token"] = texts["reset.token_missing"];
        if (chosen.Length == 0)
            missing["new_password"] = texts["reset.password_missing"];
        if (missing.Count > 0)
        {
            await WriteAsync(httpContext, StatusCodes.Status400BadRequest, filled, missing);
            return;
        }

        var made = await resets.MakeAsync(httpContext, filled.Email, filled.Token, chosen);
        if (!made.IsRefused)
        {
            SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.SignIn}?notice=password_reset");
            return;
        }
        httpContext.Features.Set(made.Error);
        httpContext.Response.TellWait(made.Error.RetryAfter);
        var (field, text) = made.Error.Code switch
        {
            "INVALID_PASSWORD" => ("new_password", texts["password.refused"]),
            "TOO_MANY_REQUESTS" => ("", texts["refused.too_many"]),
            _ when made.Error == AccountErrors.InvalidResetToken => ("", texts["reset.refused"]),
            _ => ("", texts["refused.busy"]),
        };
        await WriteAsync(httpContext, (int)made.Error.Status, filled, new Dictionary<string, string> { [field] = text });
    }

    /// <param name="errors">By field; errors about the whole form have an empty name.</param>
    private Task WriteAsync(HttpContext httpContext, int status, Filled filled, Dictionary<string, string> errors) =>
        pages.WriteAsync<ResetPasswordPage, ResetPasswordModel>(httpContext, status, new ResetPasswordModel(
            filled.Email, filled.Token, PasswordWords.Describe(policy, Languages.Choose(httpContext)), errors.GetValueOrDefault(""),
            errors.GetValueOrDefault("email"), errors.GetValueOrDefault("token"), errors.GetValueOrDefault("new_password"), issuer.Path + PageRoutes.ForgotPassword));

    private sealed record Filled(string Email, string Token);
}
