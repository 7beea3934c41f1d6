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
internal sealed class SessionsPageEndpoint(PageWriter pages, PageForms forms, SessionEnding ending, SessionSettings settings, IssuerSettings issuer, TimeProvider time)
{
    /// <summary>The most sessions shown; the latest sign-ins come first.</summary>
    private const int MaximumShown = 100;

    public async Task GetAsync(HttpContext http, SessionState session)
    {
        var texts = Languages.Choose(http);
        var now = time.GetUtcNow();
        var (oldest, oldestRemembered) = (settings.OldestAt(now), settings.OldestRememberedAt(now));
        var rows = await http.InOwnScopeAsync((services, deadline) => services.GetRequiredService<AuthDb>().Sessions.AsNoTracking()
            .Where(row => row.UserId == session.UserId && row.EndedAt == null && row.ExpiresAt > now && row.SecurityStamp == session.SecurityStamp
                && row.AuthenticatedAt > (row.IsRemembered == false ? oldest : oldestRemembered))
            .OrderByDescending(row => row.AuthenticatedAt).Take(MaximumShown)
            .Select(row => new { row.Id, row.UserAgent, row.RemoteAddress, row.AuthenticatedAt, row.ExpiresAt }).ToListAsync(deadline));
        var shown = rows
            .Select(row => new ShownSession(row.Id, DeviceWords.Describe(row.UserAgent, texts), row.RemoteAddress?.ToString(), row.AuthenticatedAt, row.ExpiresAt, row.Id == session.Id))
            .OrderByDescending(row => row.IsThis).ToList();
        var notice = http.Request.Query["notice"].ToString() switch
        {
            "ended" => texts["sessions.ended"],
            "others_ended" => texts["sessions.others_ended"],
            _ => null,
        };
        await pages.WriteAsync<SessionsPage, SessionsModel>(http, StatusCodes.Status200OK, new SessionsModel(shown, notice));
    }

    public async Task PostAsync(HttpContext http, SessionState session)
    {
        if (await forms.ReadAsync(http) is not { } form)
            return;
        var note = new AuditNote(AuditEvents.SessionEnded, AuditReasons.Account, Caller.AddressOf(http));
        if (form["end"] == "others")
        {
            await ending.EndOthersAsync(session.Id, session.UserId, note).WithinDeadline(http);
            SeeOther.Write(http, $"{issuer.Path}{PageRoutes.Sessions}?notice=others_ended");
        }
        else if (Guid.TryParse(form["end"], out var id))
        {
            // A session that is already over is fine.
            await ending.EndAsync(id, session.UserId, note).WithinDeadline(http);
            SeeOther.Write(http, $"{issuer.Path}{PageRoutes.Sessions}?notice=ended");
        }
        else
            await pages.RefuseAsync(http, StatusCodes.Status400BadRequest, "malformed", issuer.Path + PageRoutes.Sessions);
    }
}
