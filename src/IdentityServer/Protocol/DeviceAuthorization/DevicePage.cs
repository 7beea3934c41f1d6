using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace IdentityServer.Protocol.DeviceAuthorization;

/// <summary>
/// <c>/device</c> (RFC 8628 §3.3): a signed-in user types a device's code, sees who asks and for what, and decides. The
/// code may come in the address (§3.3.1); the user is still asked, and shown the code to compare (§5.4).
/// </summary>
internal sealed class DevicePage(
    BrowserSessions sessions, DeviceStore devices, PageWriter pages, PageForms forms, CurrentConfiguration configuration, RequestLimits limits,
    IssuerSettings issuer, RefreshTokenSettings refresh, ServerMetrics metrics, TimeProvider timeProvider)
{
    private const string Unknown = "device.unknown";
    private const string TooMany = "device.too_many";

    private const string Decision = "decision";
    private const string Allow = "allow";
    private const string Deny = "deny";

    public async Task ShowAsync(HttpContext httpContext)
    {
        var typed = httpContext.Request.Query[Parameters.UserCode].ToString();
        if (await sessions.FindAsync(httpContext) is not { } session)
            AskToSignIn(httpContext, typed);
        else if (string.IsNullOrWhiteSpace(typed))
            await WriteEntryAsync(httpContext, StatusCodes.Status200OK, null, null);
        else if (limits.Refuse(Limit.UserCode, Caller.AddressOf(httpContext), session.Id.ToString()) is { } tooMany)
            await RefuseAsync(httpContext, tooMany, typed);
        else
            await AskAsync(httpContext, session, typed);
    }

    public async Task DecideAsync(HttpContext httpContext)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var typed = form[Parameters.UserCode];
        if (await sessions.FindAsync(httpContext) is not { } session)
        {
            AskToSignIn(httpContext, typed);
            return;
        }
        if (limits.Refuse(Limit.UserCode, Caller.AddressOf(httpContext), session.Id.ToString()) is { } tooMany)
        {
            await RefuseAsync(httpContext, tooMany, typed);
            return;
        }

        var isDone = (UserCodes.Read(typed), form[Decision]) switch
        {
            ({ } userCode, Allow) => await TryAllowAsync(httpContext, session, userCode),
            ({ } userCode, Deny) => await devices.TryDenyAsync(userCode, timeProvider.GetUtcNow()).WithinDeadline(httpContext),
            _ => false,
        };
        if (isDone)
            SeeOther.Write(httpContext, issuer.Path + (form[Decision] == Allow ? DeviceRoutes.Allowed : DeviceRoutes.Denied));
        else
            await WriteEntryAsync(httpContext, StatusCodes.Status400BadRequest, typed, Unknown);
    }

    public Task ShowAllowedAsync(HttpContext httpContext) => WriteDoneAsync(httpContext, "device.allowed");

    public Task ShowDeniedAsync(HttpContext httpContext) => WriteDoneAsync(httpContext, "device.denied");

    private async Task AskAsync(HttpContext httpContext, SessionState session, string typed)
    {
        var userCode = UserCodes.Read(typed);
        var device = userCode is null ? null : await devices.FindAsync(userCode, timeProvider.GetUtcNow(), httpContext.Deadline()).WithinDeadline(httpContext);
        if (device is null || configuration.Value.FindClient(device.ClientId) is not { IsDisabled: false } client || !client.MayUse(GrantTypes.DeviceCode))
        {
            await WriteEntryAsync(httpContext, StatusCodes.Status400BadRequest, typed, Unknown);
            return;
        }
        var texts = Languages.Choose(httpContext);
        var permissions = Array.ConvertAll(device.Scopes, scope => ScopeWords.Of(configuration.Value, texts, scope));
        await pages.WriteAsync<DeviceConsent, DeviceConsentModel>(
            httpContext, StatusCodes.Status200OK, new DeviceConsentModel(UserCodes.Show(userCode!), client.Name ?? client.ClientId, permissions, session.FullName ?? session.UserName));
    }

    private async Task<bool> TryAllowAsync(HttpContext httpContext, SessionState session, string userCode)
    {
        var now = timeProvider.GetUtcNow();
        var createdAt = GrantIds.After(now, session.GrantsEndedAt);
        var details = new GrantDetails { Acr = AuthenticationContexts.Password, Amr = session.Amr };
        var leave = new DeviceLeave(
            userCode, GrantIds.Create(createdAt), sessions.Read(httpContext)!.Value, details.ToString(), createdAt, now, refresh.PruneGrain, Caller.AddressOf(httpContext));
        if (!await devices.TryAllowAsync(leave).WithinDeadline(httpContext))
            return false;
        metrics.GrantIssued();
        return true;
    }

    private Task RefuseAsync(HttpContext httpContext, OAuthError tooMany, string typed)
    {
        httpContext.Response.TellWait(tooMany.RetryAfter);
        return WriteEntryAsync(httpContext, (int)tooMany.Status, typed, TooMany);
    }

    /// <param name="mistake">The name of a text.</param>
    private Task WriteEntryAsync(HttpContext httpContext, int status, string? typed, string? mistake) => pages.WriteAsync<DeviceEntry, DeviceEntryModel>(
        httpContext, status, new DeviceEntryModel(typed, mistake is null ? null : Languages.Choose(httpContext)[mistake]));

    private Task WriteDoneAsync(HttpContext httpContext, string name)
    {
        var texts = Languages.Choose(httpContext);
        return pages.WritePlainAsync<MessagePage, MessageModel>(
            httpContext, StatusCodes.Status200OK, new MessageModel(texts[$"{name}.title"], texts[$"{name}.text"], Link: null, IsRefusal: false));
    }

    private void AskToSignIn(HttpContext httpContext, string typed)
    {
        var back = issuer.Path + DeviceRoutes.Device + (UserCodes.Read(typed) is { } code ? $"?{Parameters.UserCode}={UserCodes.Show(code)}" : "");
        SeeOther.Write(httpContext, ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, back));
    }
}
