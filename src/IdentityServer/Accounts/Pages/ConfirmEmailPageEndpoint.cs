using IdentityServer.Pages;
using IdentityServer.Settings;
using ServiceDefaults;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts.Pages;

/// <summary>
/// <c>/account/confirm-email</c>: where the link of a message leads. Mail scanners open links, so opening it only shows a
/// button, and pressing that confirms. The link of a registration creates the account.
/// </summary>
internal sealed class ConfirmEmailPageEndpoint(PageWriter pages, PageForms forms, EmailConfirmation confirmation, RegistrationLink registration, DatabaseGate database, IssuerSettings issuer)
{
    public Task GetAsync(HttpContext httpContext)
    {
        if (httpContext.Request.Query["done"] == "true")
        {
            var texts = Languages.Choose(httpContext);
            return pages.WritePlainAsync<MessagePage, MessageModel>(
                httpContext, StatusCodes.Status200OK, new MessageModel(texts["confirmed.title"], texts["confirmed.text"], new PageLink(issuer.Path + PageRoutes.Account, texts["confirmed.link"])));
        }
        var token = httpContext.Request.Query["token"].ToString();
        if (ResetTokens.HashOf(token) is { } hash)
            return registration.ShowAsync(httpContext, token, hash);
        return confirmation.Read(token) is var (_, email)
            ? pages.WriteAsync<ConfirmEmailPage, ConfirmEmailModel>(httpContext, StatusCodes.Status200OK, new ConfirmEmailModel(token, email))
            : RefuseAsync(httpContext);
    }

    public async Task PostAsync(HttpContext httpContext)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        if (ResetTokens.HashOf(form["token"]) is { } hash)
        {
            await registration.FollowAsync(httpContext, form["token"], hash, form["password"]);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
            httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (await confirmation.TryConfirmAsync(form["token"], httpContext.Deadline()).WithinDeadline(httpContext))
            SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.ConfirmEmail}?done=true");
        else
            await RefuseAsync(httpContext);
    }

    private Task RefuseAsync(HttpContext httpContext) =>
        pages.RefuseAsync(httpContext, StatusCodes.Status400BadRequest, "confirm_refused", issuer.Path + PageRoutes.Account, linkText: "confirmed.link");
}
