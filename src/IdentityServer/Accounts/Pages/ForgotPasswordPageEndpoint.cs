using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Settings;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/forgot-password</c>: requests a message with a link, as the account API does; the answer is the same for everybody.</summary>
internal sealed class ForgotPasswordPageEndpoint(PageWriter pages, PageForms forms, PasswordResets resets, IssuerSettings issuer)
{
    public Task GetAsync(HttpContext httpContext) =>
        WriteAsync(httpContext, StatusCodes.Status200OK, "", ReturnUrl.Check(httpContext.Request.Query[ReturnUrl.Parameter], issuer.Path), error: null, emailError: null);

    public async Task PostAsync(HttpContext httpContext)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var texts = Languages.Choose(httpContext);
        var email = form["email"].Trim();
        if (email.Length == 0)
        {
            await WriteAsync(httpContext, StatusCodes.Status400BadRequest, email, form.ReturnUrl, error: null, texts["forgot.email_missing"]);
            return;
        }
        var asked = await resets.AskAsync(httpContext, email);
        if (!asked.IsRefused)
        {
            var signIn = new PageLink(ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, form.ReturnUrl), texts["forgot.sign_in"]);
            await pages.WritePlainAsync<MessagePage, MessageModel>(httpContext, StatusCodes.Status200OK, new MessageModel(texts["forgot_done.title"], texts["forgot_done.text"], signIn));
            return;
        }
        httpContext.Features.Set(asked.Error);
        httpContext.Response.TellWait(asked.Error.RetryAfter);
        await WriteAsync(httpContext, (int)asked.Error.Status, email, form.ReturnUrl, texts[asked.Error.Code == ApiErrors.TooManyRequests.Code ? "refused.too_many" : "refused.busy"], emailError: null);
    }

    private Task WriteAsync(HttpContext httpContext, int status, string email, string? returnUrl, string? error, string? emailError) =>
        pages.WriteAsync<ForgotPasswordPage, ForgotPasswordModel>(httpContext, status, new ForgotPasswordModel(email, error, emailError, returnUrl, ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, returnUrl)));
}
