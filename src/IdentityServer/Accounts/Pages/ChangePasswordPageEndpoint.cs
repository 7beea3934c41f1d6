using IdentityServer.Accounts.Passwords;
using IdentityServer.Audit;
using IdentityServer.Clients;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using ServiceDefaults;
using ServiceDefaults.Http;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/password</c>: sets a new password, given the old one. This browser stays signed in; every other session ends.</summary>
internal sealed class ChangePasswordPageEndpoint(
    PageWriter pages, PageForms forms, PasswordPolicy policy, PasswordSettings settings, PasswordVerifier verifier, PasswordHashing hashing,
    BrowserPasswordChange change, RequestLimits limits, IssuerSettings issuer)
{
    public Task GetAsync(HttpContext httpContext, SessionState session) =>
        WriteAsync(httpContext, StatusCodes.Status200OK, session, new Said(Notice: httpContext.Request.Query["notice"] == "changed" ? "change_password.changed" : null));

    public async Task PostAsync(HttpContext httpContext, SessionState session)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var (current, chosen) = (form["current_password"], form["new_password"]);
        if (current.Length == 0 || chosen.Length == 0)
        {
            await RefuseAsync(httpContext, session, AccountErrors.PasswordsMissing, new Said(
                Current: current.Length == 0 ? "change_password.current_missing" : null, New: chosen.Length == 0 ? "reset.password_missing" : null));
            return;
        }
        if (policy.Refuse(chosen, session.UserName, session.Email) is { } asked)
        {
            await RefuseAsync(httpContext, session, AccountErrors.InvalidPassword(asked), new Said(New: "password.refused"));
            return;
        }
        if (limits.Refuse(Limit.SignIn, httpContext.Connection.RemoteIpAddress, session.UserId.ToString()) is { } tooMany)
        {
            await RefuseAsync(httpContext, session, AccountErrors.TooManyRequests(tooMany), new Said("refused.too_many"));
            return;
        }
        var check = await verifier.CheckAsync(session.UserId, current, Caller.Of(httpContext, Client.AccountApi.ClientId), httpContext.RequestAborted).WithinDeadline(httpContext);
        if (check.Outcome == PasswordOutcome.Busy)
        {
            await RefuseAsync(httpContext, session, ApiErrors.ServiceUnavailable, new Said("refused.busy"));
            return;
        }
        if (check.User is not { } user)
        {
            await RefuseAsync(httpContext, session, AccountErrors.InvalidCredentials, new Said(Current: "change_password.current_wrong"));
            return;
        }
        if (await hashing.TryHashAsync(chosen, httpContext.RequestAborted) is not { } hash)
        {
            await verifier.TakeBackAsync(user).WithinDeadline(httpContext);
            await RefuseAsync(httpContext, session, ApiErrors.ServiceUnavailable, new Said("refused.busy"));
        }
        // The password was changed by another request in the meantime.
        else if (!await change.TryAsync(httpContext, session.Id, user, hash))
            await RefuseAsync(httpContext, session, AccountErrors.InvalidCredentials, new Said(Current: "change_password.current_wrong"));
        else
            SeeOther.Write(httpContext, $"{issuer.Path}{PageRoutes.Password}?notice=changed");
    }

    /// <summary>A wrong password is 400 here, not 401: the user is signed in, so the form is wrong, not the request's credentials.</summary>
    private Task RefuseAsync(HttpContext httpContext, SessionState session, ApiError error, Said said)
    {
        httpContext.Features.Set(new ErrorCode(error.Code));
        httpContext.Response.TellWait(error.RetryAfter);
        return WriteAsync(httpContext, error == AccountErrors.InvalidCredentials ? StatusCodes.Status400BadRequest : (int)error.Status, session, said);
    }

    private Task WriteAsync(HttpContext httpContext, int status, SessionState session, Said said)
    {
        var texts = Languages.Choose(httpContext);
        var hint = PasswordWords.Describe(settings, texts);
        return pages.WriteAsync<ChangePasswordPage, ChangePasswordModel>(
            httpContext, status, new ChangePasswordModel(session.UserName, hint, Say(said.Both), Say(said.Current), Say(said.New), Say(said.Notice)));

        string? Say(string? name) => name is null ? null : texts[name];
    }

    /// <summary>Names of error texts, by field.</summary>
    private sealed record Said(string? Both = null, string? Current = null, string? New = null, string? Notice = null);
}
