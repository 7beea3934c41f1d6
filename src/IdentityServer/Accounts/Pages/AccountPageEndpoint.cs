using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using ServiceDefaults;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account</c>: shows who is signed in; a post sends the confirmation message again.</summary>
internal sealed class AccountPageEndpoint(PageWriter pages, PageForms forms, ConfirmationMail confirmation, RequestLimits limits, IssuerSettings issuer)
{
    public async Task GetAsync(HttpContext http, SessionState session)
    {
        var texts = Languages.Choose(http);
        var account = await http.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Users.AsNoTracking()
            .Where(user => user.Id == session.UserId).Select(user => new { user.EmailConfirmed, user.CreatedAt }).SingleAsync(deadline));
        var notice = http.Request.Query["notice"].ToString() switch
        {
            "confirmation_sent" => texts["account.confirmation_sent"],
            "busy" => texts["refused.busy"],
            _ => null,
        };
        await pages.WriteAsync<AccountPage, AccountModel>(http, StatusCodes.Status200OK, new AccountModel(
            session.UserName, session.FullName, session.Email, account.EmailConfirmed || session.Email is null, account.CreatedAt, notice));
    }

    public async Task PostAsync(HttpContext http, SessionState session)
    {
        if (await forms.ReadAsync(http) is null)
            return;
        if (limits.Refuse(Limit.Reset, http.Connection.RemoteIpAddress, session.UserId.ToString()) is { } tooMany)
        {
            http.Features.Set(tooMany);
            await pages.RefuseAsync(http, (int)tooMany.Status, "too_many", issuer.Path + PageRoutes.Account, tooMany.RetryAfter);
            return;
        }
        var isSent = session.Email is not null && await confirmation.TrySendAsync(session.UserId, session.Email, http.Deadline()).WithinDeadline(http);
        SeeOther.Write(http, $"{issuer.Path}{PageRoutes.Account}?notice={(isSent ? "confirmation_sent" : "busy")}");
    }
}
