using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Pages;
using IdentityServer.Protocol.Grants;
using IdentityServer.Settings;
using IdentityServer.Storage;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/applications</c>: the user's consents. Withdrawing one ends it and every grant of that client for this user.</summary>
internal sealed class ApplicationsPageEndpoint(PageWriter pages, PageForms forms, CurrentConfiguration configuration, GrantEnding grants, IssuerSettings issuer, TimeProvider timeProvider)
{
    public async Task GetAsync(HttpContext httpContext, SessionState session)
    {
        var texts = Languages.Choose(httpContext);
        var consents = await httpContext.InOwnScopeAsync((services, deadline) => Consents.ListAsync(services.GetRequiredService<AuthDb>(), session.UserId, deadline));
        var shown = consents.Select(consent => new ShownApplication(
            consent.ClientId, configuration.Value.FindClient(consent.ClientId)?.Name ?? consent.ClientId,
            [.. consent.Scopes.Select(scope => ScopeWords.Of(configuration.Value, texts, scope))], consent.GrantedAt)).ToList();
        await pages.WriteAsync<ApplicationsPage, ApplicationsModel>(
            httpContext, StatusCodes.Status200OK, new ApplicationsModel(shown, httpContext.Request.Query["notice"] == "withdrawn" ? texts["applications.withdrawn"] : null));
    }

    public async Task PostAsync(HttpContext httpContext, SessionState session)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var clientId = form["withdraw"];
        if (clientId.Length == 0)
        {
            await pages.RefuseAsync(httpContext, StatusCodes.Status400BadRequest, "malformed", issuer.Path + PageRoutes.Applications);
            return;
        }
        var note = new AuditNote(AuditEvents.GrantEnded, AuditReasons.ConsentWithdrawn, Caller.AddressOf(httpContext));
        // Not cancelled at the deadline: the page would no longer show a consent that is only half withdrawn.
        await httpContext.InOwnScopeAsync((services, _) => WithdrawAsync(services.GetRequiredService<AuthDb>(), session.UserId, clientId, note));
        SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.Applications}?notice=withdrawn");
    }

    private async Task<int> WithdrawAsync(AuthDb db, Guid userId, string clientId, AuditNote note)
    {
        // The consent first: a concurrent refresh or authorization is then either ended below or asks again.
        var now = timeProvider.GetUtcNow();
        await Consents.WithdrawAsync(db, userId, clientId);
        var live = await UserGrantStatements.FindLiveAsync(db, userId, clientId, now);
        foreach (var grant in live)
            await grants.TryEndGrantAsync(grant, clientId, note);
        return live.Count;
    }
}
