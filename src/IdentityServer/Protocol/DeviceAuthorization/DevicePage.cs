using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using ServiceDefaults;

namespace IdentityServer.Protocol.DeviceAuthorization;

/// <summary>
/// <c>/device</c> (RFC 8628 §3.3): a signed-in user types a device's code, sees who asks and for what, and decides. The
/// code may come in the address (§3.3.1); the user is still asked, and shown the code to compare (§5.4).
/// </summary>
internal sealed class DevicePage(
    BrowserSessions sessions, DeviceStore devices, PageWriter pages, PageForms forms, CurrentConfiguration configuration, RequestLimits limits,
    IssuerSettings issuer, RefreshTokenSettings refresh, ServerMetrics metrics, TimeProvider time)
{
    private const string Unknown = "device.unknown";
    private const string TooMany = "device.too_many";

    private const string Decision = "decision";
    private const string Allow = "allow";
    private const string Deny = "deny";

    public async Task ShowAsync(HttpContext http)
    {
        var typed = http.Request.Query[Parameters.UserCode].ToString();
        if (await sessions.FindAsync(http) is not { } session)
            AskToSignIn(http, typed);
        else if (string.IsNullOrWhiteSpace(typed))
            await WriteEntryAsync(http, StatusCodes.Status200OK, null, null);
        else if (limits.Refuse(Limit.UserCode, Caller.AddressOf(http), session.Id.ToString()) is { } tooMany)
            await RefuseAsync(http, tooMany, typed);
        else
            await AskAsync(http, session, typed);
    }

    public async Task DecideAsync(HttpContext http)
    {
        if (await forms.ReadAsync(http) is not { } form)
            return;
        var typed = form[Parameters.UserCode];
        if (await sessions.FindAsync(http) is not { } session)
        {
            AskToSignIn(http, typed);
            return;
        }
        if (limits.Refuse(Limit.UserCode, Caller.AddressOf(http), session.Id.ToString()) is { } tooMany)
        {
            await RefuseAsync(http, tooMany, typed);
            return;
        }

        var isDone = (UserCodes.Read(typed), form[Decision]) switch
        {
            ({ } userCode, Allow) => await TryAllowAsync(http, session, userCode),
            ({ } userCode, Deny) => await devices.TryDenyAsync(userCode, time.GetUtcNow()).WithinDeadline(http),
            _ => false,
        };
        if (isDone)
            SeeOther.Write(http, issuer.Path + (form[Decision] == Allow ? DeviceRoutes.Allowed : DeviceRoutes.Denied));
        else
            await WriteEntryAsync(http, StatusCodes.Status400BadRequest, typed, Unknown);
    }

    public Task ShowAllowedAsync(HttpContext http) => WriteDoneAsync(http, "device.allowed");

    public Task ShowDeniedAsync(HttpContext http) => WriteDoneAsync(http, "device.denied");

    private async Task AskAsync(HttpContext http, SessionState session, string typed)
    {
        var userCode = UserCodes.Read(typed);
        var device = userCode is null ? null : await devices.FindAsync(userCode, time.GetUtcNow(), http.Deadline()).WithinDeadline(http);
        if (device is null || configuration.Value.FindClient(device.ClientId) is not { IsDisabled: false } client || !client.MayUse(GrantTypes.DeviceCode))
        {
            await WriteEntryAsync(http, StatusCodes.Status400BadRequest, typed, Unknown);
            return;
        }
        var texts = Languages.Choose(http);
        var permissions = Array.ConvertAll(device.Scopes, scope => ScopeWords.Of(configuration.Value, texts, scope));
        await pages.WriteAsync<DeviceConsent, DeviceConsentModel>(
            http, StatusCodes.Status200OK, new DeviceConsentModel(UserCodes.Show(userCode!), client.Name ?? client.ClientId, permissions, session.FullName ?? session.UserName));
    }

    private async Task<bool> TryAllowAsync(HttpContext http, SessionState session, string userCode)
    {
        var now = time.GetUtcNow();
        var createdAt = GrantIds.After(now, session.GrantsEndedAt);
        var details = new GrantDetails { Acr = AuthenticationContexts.Password, Amr = session.Amr };
        var leave = new DeviceLeave(
            userCode, GrantIds.Create(createdAt), sessions.Read(http)!.Value, details.ToString(), createdAt, now, refresh.PruneGrain, Caller.AddressOf(http));
        if (!await devices.TryAllowAsync(leave).WithinDeadline(http))
            return false;
        metrics.GrantIssued();
        return true;
    }

    private Task RefuseAsync(HttpContext http, OAuthError tooMany, string typed)
    {
        http.Response.TellWait(tooMany.RetryAfter);
        return WriteEntryAsync(http, (int)tooMany.Status, typed, TooMany);
    }

    /// <param name="mistake">The name of a text.</param>
    private Task WriteEntryAsync(HttpContext http, int status, string? typed, string? mistake) => pages.WriteAsync<DeviceEntry, DeviceEntryModel>(
        http, status, new DeviceEntryModel(typed, mistake is null ? null : Languages.Choose(http)[mistake]));

    private Task WriteDoneAsync(HttpContext http, string name)
    {
        var texts = Languages.Choose(http);
        return pages.WritePlainAsync<MessagePage, MessageModel>(
            http, StatusCodes.Status200OK, new MessageModel(texts[$"{name}.title"], texts[$"{name}.text"], Link: null, IsRefusal: false));
    }

    private void AskToSignIn(HttpContext http, string typed)
    {
        var back = issuer.Path + DeviceRoutes.Device + (UserCodes.Read(typed) is { } code ? $"?{Parameters.UserCode}={UserCodes.Show(code)}" : "");
        SeeOther.Write(http, ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, back));
    }
}
