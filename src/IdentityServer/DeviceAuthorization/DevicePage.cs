using IdentityServer.Audit;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Protocol;
using IdentityServer.Sessions;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Telemetry;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;

namespace IdentityServer.DeviceAuthorization;

/// <summary>
/// <c>/device</c> (RFC 8628 §3.3): a signed-in user types the code of a device, sees who asks and for what, and decides. The
/// code may come in the address (§3.3.1); asked is all the same, with the code to compare (§5.4).
/// </summary>
internal sealed class DevicePage(
    BrowserSessions sessions, DeviceStore devices, PageWriter pages, IAntiforgery antiforgery, CurrentConfiguration configuration, RequestLimits limits,
    IssuerSettings issuer, RefreshTokenSettings refresh, ServerMetrics metrics, TimeProvider time)
{
    private const string Unknown = "There is no device that waits with this code. Check it, or ask the device for a new one.";
    private const string TooMany = "Too many codes were tried. Wait a minute, then go on.";
    private const string Stale = "This page was open for too long. Check the code, and go on.";

    private const string Decision = "decision";
    private const string Allow = "allow";
    private const string Deny = "deny";

    public async Task ShowAsync(HttpContext http)
    {
        string? typed = http.Request.Query[Parameters.UserCode];
        if (await sessions.FindAsync(http) is not { } session)
        {
            AskToSignIn(http, typed);
            return;
        }
        if (string.IsNullOrWhiteSpace(typed))
        {
            await WriteEntryAsync(http, StatusCodes.Status200OK, null, null);
            return;
        }
        if (limits.Refuse(Limit.UserCode, Caller.AddressOf(http), session.Id.ToString()) is { } tooMany)
        {
            http.Response.Headers.RetryAfter = tooMany.RetryAfter.ToString(System.Globalization.CultureInfo.InvariantCulture);
            await WriteEntryAsync(http, StatusCodes.Status429TooManyRequests, typed, TooMany);
            return;
        }

        var userCode = UserCodes.Read(typed);
        var device = userCode is null ? null : await devices.FindAsync(userCode, time.GetUtcNow(), http.RequestAborted);
        if (device is null || configuration.Value.FindClient(device.ClientId) is not { IsDisabled: false } client)
        {
            await WriteEntryAsync(http, StatusCodes.Status400BadRequest, typed, Unknown);
            return;
        }
        var permissions = Array.ConvertAll(device.Scopes, ScopeWords.Of);
        await pages.WriteAsync<DeviceConsent, DeviceConsentModel>(
            http, StatusCodes.Status200OK, new DeviceConsentModel(UserCodes.Show(userCode!), client.Name ?? client.ClientId, permissions, session.UserName));
    }

    public async Task DecideAsync(HttpContext http)
    {
        var form = await OAuthForm.ReadAsync(http);
        if (form.IsRefused)
        {
            await WriteEntryAsync(http, (int)form.Error.Status, null, Unknown);
            return;
        }
        var typed = form.Value[Parameters.UserCode];
        if (await sessions.FindAsync(http) is not { } session)
        {
            AskToSignIn(http, typed);
            return;
        }
        if (!await IsOurFormAsync(http, form.Value))
        {
            await WriteEntryAsync(http, StatusCodes.Status400BadRequest, typed, Stale);
            return;
        }
        if (limits.Refuse(Limit.UserCode, Caller.AddressOf(http), session.Id.ToString()) is not null)
        {
            await WriteEntryAsync(http, StatusCodes.Status429TooManyRequests, typed, TooMany);
            return;
        }

        var userCode = typed is null ? null : UserCodes.Read(typed);
        var isDone = (userCode, form.Value[Decision]) switch
        {
            (not null, Allow) => await TryAllowAsync(http, session, userCode),
            (not null, Deny) => await devices.TryDenyAsync(userCode, time.GetUtcNow()),
            _ => false,
        };
        if (isDone)
            SeeOther(http, form.Value[Decision] == Allow ? DeviceRoutes.Allowed : DeviceRoutes.Denied);
        else
            await WriteEntryAsync(http, StatusCodes.Status400BadRequest, typed, Unknown);
    }

    public Task ShowAllowedAsync(HttpContext http) => pages.WriteAsync<DeviceDone, DeviceDoneModel>(http, StatusCodes.Status200OK, new DeviceDoneModel(IsAllowed: true));

    public Task ShowDeniedAsync(HttpContext http) => pages.WriteAsync<DeviceDone, DeviceDoneModel>(http, StatusCodes.Status200OK, new DeviceDoneModel(IsAllowed: false));

    private async Task<bool> TryAllowAsync(HttpContext http, SessionState session, string userCode)
    {
        var now = time.GetUtcNow();
        var createdAt = GrantIds.After(now, session.GrantsEndedAt);
        var leave = new DeviceLeave(
            userCode, GrantIds.Create(createdAt), session.UserId, session.SecurityStamp, session.Id, session.AuthenticatedAt, Details: null,
            createdAt, now, refresh.PruneGrain, Caller.AddressOf(http));
        if (!await devices.TryAllowAsync(leave))
            return false;
        metrics.GrantIssued();
        return true;
    }

    /// <summary>The form is read already, within our own bounds; antiforgery is shown what of it is its.</summary>
    private async Task<bool> IsOurFormAsync(HttpContext http, OAuthParameters form)
    {
        var field = antiforgery.GetTokens(http).FormFieldName;
        http.Features.Set<IFormFeature>(new FormFeature(new FormCollection(new() { [field] = form[field] })));
        return await antiforgery.IsRequestValidAsync(http);
    }

    private Task WriteEntryAsync(HttpContext http, int status, string? typed, string? mistake) =>
        pages.WriteAsync<DeviceEntry, DeviceEntryModel>(http, status, new DeviceEntryModel(typed, mistake));

    private void AskToSignIn(HttpContext http, string? typed)
    {
        var back = DeviceRoutes.Device + (typed is not null && UserCodes.Read(typed) is { } code ? $"?{Parameters.UserCode}={UserCodes.Show(code)}" : "");
        SeeOther(http, Routes.SignIn + QueryString.Create("return_url", back).Value);
    }

    /// <summary>RFC 9110 §15.4.4: what follows is got, not posted again.</summary>
    private void SeeOther(HttpContext http, string path)
    {
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        http.Response.Headers.Location = issuer.Path + path;
        http.Response.Headers.CacheControl = "no-store";
    }
}
