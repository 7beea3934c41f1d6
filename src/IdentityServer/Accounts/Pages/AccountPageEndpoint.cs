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
    public async Task GetAsync(HttpContext httpContext, SessionState session)
    {
        var texts = Languages.Choose(httpContext);
        var account = await httpContext.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Users.AsNoTracking()
            .Where(user => user.Id == session.UserId).Select(user => new { user.EmailConfirmed, user.CreatedAt }).SingleAsync(deadline));
        var notice = httpContext.Request.Query["notice"].ToString() switch
        {
            "confirmation_sent" => texts["account.confirmation_sent"],
            "busy" => texts["refused.busy"],
            _ => null,
        };
        await pages.WriteAsync<AccountPage, AccountModel>(httpContext, StatusCodes.Status200OK, new AccountModel(
            session.UserName, session.FullName, session.Email, account.EmailConfirmed || session.Email is null, account.CreatedAt, notice));
    }

    public async Task PostAsync(HttpContext httpContext, SessionState session)
    {
        if (await forms.ReadAsync(httpContext) is null)
            return;
        if (limits.Refuse(Limit.Reset, httpContext.Connection.RemoteIpAddress, session.UserId.ToString()) is { } tooMany)
        {
            httpContext.Features.Set(tooMany);
            await pages.RefuseAsync(httpContext, (int)tooMany.Status, "too_many", issuer.Path + PageRoutes.Account, tooMany.RetryAfter);
            return;
        }
        var isSent = session.Email is not null && await confirmation.TrySendAsync(session.UserId, session.Email, httpContext.Deadline()).WithinDeadline(httpContext);
        SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.Account}?notice={(isSent ? "confirmation_sent" : "busy")}");
    }
}
