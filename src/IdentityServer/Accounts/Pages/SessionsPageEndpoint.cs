using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.EntityFrameworkCore;
using ServiceDefaults;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/sessions</c>: the signed-in browsers. Each can be ended here except this one, which has to sign out.</summary>
internal sealed class SessionsPageEndpoint(PageWriter pages, PageForms forms, SessionEnding ending, SessionSettings settings, IssuerSettings issuer, TimeProvider timeProvider)
{
    /// <summary>The most sessions shown; the latest sign-ins come first.</summary>
    private const int MaximumShown = 100;

    public async Task GetAsync(HttpContext httpContext, SessionState session)
    {
        var texts = Languages.Choose(httpContext);
        var now = timeProvider.GetUtcNow();
        var (oldest, oldestRemembered) = (settings.OldestAt(now), settings.OldestRememberedAt(now));
        var rows = await httpContext.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Sessions.AsNoTracking()
            .Where(row => row.UserId == session.UserId && row.EndedAt == null && row.ExpiresAt > now && row.SecurityStamp == session.SecurityStamp
                && row.AuthenticatedAt > (row.IsRemembered == false ? oldest : oldestRemembered))
            .OrderByDescending(row => row.AuthenticatedAt).Take(MaximumShown)
            .Select(row => new { row.Id, row.UserAgent, row.RemoteAddress, row.AuthenticatedAt, row.ExpiresAt }).ToListAsync(deadline));
        var shown = rows
            .Select(row => new ShownSession(row.Id, DeviceWords.Describe(row.UserAgent, texts), row.RemoteAddress?.ToString(), row.AuthenticatedAt, row.ExpiresAt, row.Id == session.Id))
            .OrderByDescending(row => row.IsThis).ToList();
        var notice = httpContext.Request.Query["notice"].ToString() switch
        {
            "ended" => texts["sessions.ended"],
            "others_ended" => texts["sessions.others_ended"],
            _ => null,
        };
        await pages.WriteAsync<SessionsPage, SessionsModel>(httpContext, StatusCodes.Status200OK, new SessionsModel(shown, notice));
    }

    public async Task PostAsync(HttpContext httpContext, SessionState session)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var note = new AuditNote(AuditEvents.SessionEnded, AuditReasons.Account, Caller.AddressOf(httpContext));
        if (form["end"] == "others")
        {
            await ending.EndOthersAsync(session.Id, session.UserId, note).WithinDeadline(httpContext);
            SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.Sessions}?notice=others_ended");
        }
        else if (Guid.TryParse(form["end"], out var id))
        {
            // A session that is already over is fine.
            await ending.EndAsync(id, session.UserId, note).WithinDeadline(httpContext);
            SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.Sessions}?notice=ended");
        }
        else
            await pages.RefuseAsync(httpContext, StatusCodes.Status400BadRequest, "malformed", issuer.Path + PageRoutes.Sessions);
    }
}
