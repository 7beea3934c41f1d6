using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Settings;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/forgot-password</c>: requests a message with a link, as the account API does; the answer is the same for everybody.</summary>
internal sealed class ForgotPasswordPageEndpoint(PageWriter pages, PageForms forms, PasswordResets resets, IssuerSettings issuer)
{
    public Task GetAsync(HttpContext http) =>
        WriteAsync(http, StatusCodes.Status200OK, "", ReturnUrl.Check(http.Request.Query[ReturnUrl.Parameter], issuer.Path), error: null, emailError: null);

    public async Task PostAsync(HttpContext http)
    {
        if (await forms.ReadAsync(http) is not { } form)
            return;
        var texts = Languages.Choose(http);
        var email = form["email"].Trim();
        if (email.Length == 0)
        {
            await WriteAsync(http, StatusCodes.Status400BadRequest, email, form.ReturnUrl, error: null, texts["forgot.email_missing"]);
            return;
        }
        var asked = await resets.AskAsync(http, email);
        if (!asked.IsRefused)
        {
            var signIn = new PageLink(ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, form.ReturnUrl), texts["forgot.sign_in"]);
            await pages.WritePlainAsync<MessagePage, MessageModel>(http, StatusCodes.Status200OK, new MessageModel(texts["forgot_done.title"], texts["forgot_done.text"], signIn));
            return;
        }
        http.Features.Set(asked.Error);
        http.Response.TellWait(asked.Error.RetryAfter);
        await WriteAsync(http, (int)asked.Error.Status, email, form.ReturnUrl, texts[asked.Error.Code == ApiErrors.TooManyRequests.Code ? "refused.too_many" : "refused.busy"], emailError: null);
    }

    private Task WriteAsync(HttpContext http, int status, string email, string? returnUrl, string? error, string? emailError) =>
        pages.WriteAsync<ForgotPasswordPage, ForgotPasswordModel>(http, status, new ForgotPasswordModel(email, error, emailError, returnUrl, ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, returnUrl)));
}
