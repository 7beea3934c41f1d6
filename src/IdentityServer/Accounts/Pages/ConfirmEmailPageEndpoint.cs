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
    public Task GetAsync(HttpContext http)
    {
        if (http.Request.Query["done"] == "true")
        {
            var texts = Languages.Choose(http);
            return pages.WritePlainAsync<MessagePage, MessageModel>(
                http, StatusCodes.Status200OK, new MessageModel(texts["confirmed.title"], texts["confirmed.text"], new PageLink(issuer.Path + PageRoutes.Account, texts["confirmed.link"])));
        }
        var token = http.Request.Query["token"].ToString();
        if (ResetTokens.HashOf(token) is { } hash)
            return registration.ShowAsync(http, token, hash);
        return confirmation.Read(token) is var (_, email)
            ? pages.WriteAsync<ConfirmEmailPage, ConfirmEmailModel>(http, StatusCodes.Status200OK, new ConfirmEmailModel(token, email))
            : RefuseAsync(http);
    }

    public async Task PostAsync(HttpContext http)
    {
        if (await forms.ReadAsync(http) is not { } form)
            return;
        if (ResetTokens.HashOf(form["token"]) is { } hash)
        {
            await registration.FollowAsync(http, form["token"], hash, form["password"]);
            return;
        }
        using var place = database.TryEnter();
        if (place.IsRefused)
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (await confirmation.TryConfirmAsync(form["token"], http.Deadline()).WithinDeadline(http))
            SeeOther.Write(http, $"{issuer.Path}{PageRoutes.ConfirmEmail}?done=true");
        else
            await RefuseAsync(http);
    }

    private Task RefuseAsync(HttpContext http) =>
        pages.RefuseAsync(http, StatusCodes.Status400BadRequest, "confirm_refused", issuer.Path + PageRoutes.Account, linkText: "confirmed.link");
}
