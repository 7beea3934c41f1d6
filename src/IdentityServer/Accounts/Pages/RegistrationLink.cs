using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Clients;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Settings;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts.Pages;

/// <summary>
/// Handles the link in a registration message: creates the account and a session, and leads back to where it was needed. In any browser
/// other than the one that registered, it asks for the password chosen there.
/// </summary>
internal sealed class RegistrationLink(
    PageWriter pages, PendingRegistrations registrations, PasswordHashing hashing, NewAccounts accounts, BrowserSessions sessions, RegistrationCookie cookie,
    CurrentConfiguration configuration, RequestLimits limits, DatabaseGate database, IssuerSettings issuer)
{
    public async Task ShowAsync(HttpContext httpContext, string token, byte[] tokenHash)
    {
        using var place = database.TryEnter();
        if (place.IsRefused)
            httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (await registrations.FindAsync(tokenHash, httpContext.Deadline()).WithinDeadline(httpContext) is { } registration)
            await WriteAsync(httpContext, StatusCodes.Status200OK, token, registration, error: null, passwordError: null);
        else
            await RefuseAsync(httpContext, "confirm_refused", PageRoutes.Account, "confirmed.link");
    }

    public async Task FollowAsync(HttpContext httpContext, string token, byte[] tokenHash, string password)
    {
        PendingRegistration? registration;
        using (var place = database.TryEnter())
        {
            if (place.IsRefused)
            {
                httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return;
            }
            registration = await registrations.FindAsync(tokenHash, httpContext.Deadline()).WithinDeadline(httpContext);
        }
        if (registration is null)
            await RefuseAsync(httpContext, "confirm_refused", PageRoutes.Account, "confirmed.link");
        else if (await RefusePasswordAsync(httpContext, registration, password) is { } error)
            await ShowAgainAsync(httpContext, token, registration, error);
        else
            await StoreAsync(httpContext, tokenHash, registration);
    }

    /// <summary>Null: it is the browser that registered, or the password is the one chosen there.</summary>
    private async Task<ApiError?> RefusePasswordAsync(HttpContext httpContext, PendingRegistration registration, string password)
    {
        if (cookie.IsOf(httpContext, registration.BrowserHash))
            return null;
        if (password.Length == 0)
            return AccountErrors.SignInMissing;
        if (limits.Refuse(Limit.SignIn, httpContext.Connection.RemoteIpAddress, registration.Email) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);
        return await hashing.TryVerifyAsync(registration.PasswordHash, password, httpContext.RequestAborted) switch
        {
            null => ApiErrors.ServiceUnavailable,
            false => AccountErrors.InvalidCredentials,
            true => null,
        };
    }

    private async Task StoreAsync(HttpContext httpContext, byte[] tokenHash, PendingRegistration registration)
    {
        var stored = await accounts.TryStoreConfirmedAsync(httpContext, registration, tokenHash);
        if (stored.IsRefused)
        {
            httpContext.Features.Set(stored.Error);
            await (stored.Error == AccountErrors.EmailExists ? RefuseAsync(httpContext, "register_email_taken", PageRoutes.SignIn, "register.sign_in")
                : stored.Error == AccountErrors.UserNameExists ? RefuseAsync(httpContext, "register_username_taken", PageRoutes.Register, "register.title")
                : RefuseAsync(httpContext, "confirm_refused", PageRoutes.Account, "confirmed.link"));
            return;
        }
        var user = stored.Value;
        // False: an administrator has disabled the account in the meantime; sign-in only says that it is refused.
        var isSignedIn = await sessions.TryStartAsync(httpContext, new CheckedUser(user.Id, user.SecurityStamp!, [], null, null), isRemembered: false);
        SeeOther.Write(httpContext, isSignedIn ? registration.ReturnUrl ?? $"{issuer.Path}{PageRoutes.ConfirmEmail}?done=true" : ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, registration.ReturnUrl));
    }

    private Task ShowAgainAsync(HttpContext httpContext, string token, PendingRegistration registration, ApiError error)
    {
        httpContext.Features.Set(new ErrorCode(error.Code));
        httpContext.Response.TellWait(error.RetryAfter);
        var texts = Languages.Choose(httpContext);
        var (text, passwordText) = error.Code switch
        {
            "MISSING_FIELDS" => (null, texts["sign_in.password_missing"]),
            "INVALID_CREDENTIALS" => (null, texts["confirm.password_wrong"]),
            "TOO_MANY_REQUESTS" => (texts["refused.too_many"], null),
            _ => (texts["refused.busy"], (string?)null),
        };
        // The form is wrong, not the request's credentials: a 401 would have to say how to authenticate.
        return WriteAsync(httpContext, error == AccountErrors.InvalidCredentials ? StatusCodes.Status400BadRequest : (int)error.Status, token, registration, text, passwordText);
    }

    private Task WriteAsync(HttpContext httpContext, int status, string token, PendingRegistration registration, string? error, string? passwordError)
    {
        var model = new ConfirmEmailModel(token, registration.Email) { AsksPassword = !cookie.IsOf(httpContext, registration.BrowserHash), Error = error, PasswordError = passwordError };
        return pages.WriteAsync<ConfirmEmailPage, ConfirmEmailModel>(httpContext, status, model, leadsAway: WaitingClient.Find(configuration.Value, registration.ReturnUrl, issuer.Path) is not null);
    }

    private Task RefuseAsync(HttpContext httpContext, string name, string route, string linkText) =>
        pages.RefuseAsync(httpContext, StatusCodes.Status400BadRequest, name, issuer.Path + route, linkText: linkText);
}
