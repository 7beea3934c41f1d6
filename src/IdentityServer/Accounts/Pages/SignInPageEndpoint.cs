using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Settings;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace IdentityServer.Accounts.Pages;

/// <summary>
/// <c>/account/sign-in</c>: a user name, or an e-mail address, and a password start a browser session and lead back to
/// where it was needed. Takes two statements and a hash.
/// </summary>
internal sealed class SignInPageEndpoint(
    PageWriter pages, PageForms forms, PasswordVerifier passwords, BrowserSessions sessions, CurrentConfiguration configuration, RequestLimits limits, IssuerSettings issuer)
{
    /// <summary>
    /// RFC 9110 §15.5.2: a 401 says how to authenticate. The scheme is one that browsers don't know, so that they show the page instead of a dialog.
    /// </summary>
    private const string Challenge = "Form";

    public Task GetAsync(HttpContext httpContext)
    {
        var returnUrl = ReturnUrl.Check(httpContext.Request.Query[ReturnUrl.Parameter], issuer.Path);
        var asked = ReturnUrl.AuthorizationRequest(returnUrl, issuer.Path);
        var hint = httpContext.Request.Query["login_hint"].ToString() is { Length: > 0 } direct ? direct : asked.GetValueOrDefault("login_hint").ToString();
        return WriteAsync(httpContext, StatusCodes.Status200OK, returnUrl, new Filled(hint.Length <= NameRules.MaximumEmailLength ? hint : "", IsRemembered: false), Said.Nothing with
        {
            Notice = httpContext.Request.Query["notice"].ToString() is "password_reset" ? "sign_in.password_reset" : null,
        });
    }

    public async Task PostAsync(HttpContext httpContext)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var (login, password) = (form["username"], form["password"]);
        var filled = new Filled(login, form.IsChecked("remember"));
        if (login.Length == 0 || password.Length == 0)
        {
            await RefuseAsync(httpContext, AccountErrors.SignInMissing, form.ReturnUrl, filled, new Said(
                UserName: login.Length == 0 ? "sign_in.username_missing" : null, Password: password.Length == 0 ? "sign_in.password_missing" : null));
            return;
        }
        if (limits.Refuse(Limit.SignIn, httpContext.Connection.RemoteIpAddress, login) is { } tooMany)
        {
            await RefuseAsync(httpContext, AccountErrors.TooManyRequests(tooMany), form.ReturnUrl, filled, new Said("refused.too_many"));
            return;
        }

        var check = await passwords.CheckAsync(login, password, Caller.Of(httpContext, (FindClient(form.ReturnUrl) ?? Client.AccountApi).ClientId), httpContext.RequestAborted).WithinDeadline(httpContext);
        if (check.Outcome == PasswordOutcome.Busy)
            await RefuseAsync(httpContext, ApiErrors.ServiceUnavailable, form.ReturnUrl, filled, new Said("refused.busy"));
        // The same for unknown, wrong, locked and disabled.
        else if (check.User is not { } user || !await sessions.TryStartAsync(httpContext, user, filled.IsRemembered))
            await RefuseAsync(httpContext, AccountErrors.InvalidCredentials, form.ReturnUrl, filled, new Said("sign_in.refused"));
        else
            SeeOther.Write(httpContext, form.ReturnUrl ?? issuer.Path + PageRoutes.Account);
    }

    private Task RefuseAsync(HttpContext httpContext, ApiError error, string? returnUrl, Filled filled, Said said)
    {
        httpContext.Features.Set(new ErrorCode(error.Code));
        httpContext.Response.TellWait(error.RetryAfter);
        if (error.Challenge is not null)
            httpContext.Response.Headers.WWWAuthenticate = Challenge;
        return WriteAsync(httpContext, (int)error.Status, returnUrl, filled, said);
    }

    private Task WriteAsync(HttpContext httpContext, int status, string? returnUrl, Filled filled, Said said)
    {
        var texts = Languages.Choose(httpContext);
        var client = FindClient(returnUrl);
        var model = new SignInModel(
            client is null ? null : client.Name ?? client.ClientId, filled.UserName, filled.IsRemembered, Say(said.Notice), Say(said.Both), Say(said.UserName), Say(said.Password),
            returnUrl, ReturnUrl.Add(issuer.Path + PageRoutes.Register, returnUrl), ReturnUrl.Add(issuer.Path + PageRoutes.ForgotPassword, returnUrl));
        return pages.WriteAsync<SignInPage, SignInModel>(httpContext, status, model, leadsAway: client is not null);

        string? Say(string? name) => name is null ? null : texts[name];
    }

    private Client? FindClient(string? returnUrl) => WaitingClient.Find(configuration.Value, returnUrl, issuer.Path);

    private sealed record Filled(string UserName, bool IsRemembered);

    /// <summary>Names of error texts, by field.</summary>
    private sealed record Said(string? Both = null, string? UserName = null, string? Password = null)
    {
        public static readonly Said Nothing = new();

        public string? Notice { get; init; }
    }
}
