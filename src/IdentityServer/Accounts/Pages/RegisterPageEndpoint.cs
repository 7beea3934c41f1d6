using System.Globalization;
using Hosting;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Passwords;
using IdentityServer.Sessions;
using IdentityServer.Settings;

namespace IdentityServer.Accounts.Pages;

/// <summary><c>/account/register</c>: an account by the rules of the account API, a session at once, and a message to confirm the address.</summary>
internal sealed class RegisterPageEndpoint(
    PageWriter pages, PageForms forms, RegistrationRules rules, PasswordHashing hashing, PasswordSettings policy, NewAccounts accounts, BrowserSessions sessions,
    ConfirmationMail confirmation, CurrentConfiguration configuration, RequestLimits limits, IssuerSettings issuer)
{
    public Task GetAsync(HttpContext http) => WriteAsync(
        http, StatusCodes.Status200OK, ReturnUrl.Check(http.Request.Query[ReturnUrl.Parameter], issuer.Path), new Filled("", "", ""), error: null, []);

    public async Task PostAsync(HttpContext http)
    {
        if (await forms.ReadAsync(http) is not { } form)
            return;
        var filled = new Filled(form["username"], form["email"].Trim(), form["full_name"].Trim());
        var password = form["password"];
        if (limits.Refuse(Limit.Registration, http) is { } tooMany)
        {
            await RefuseAsync(http, [AccountErrors.TooManyRequests(tooMany)], form.ReturnUrl, filled);
            return;
        }
        // A form sends what was not filled in as empty: the rules then say what each must be.
        var fullName = filled.FullName.Length == 0 ? null : filled.FullName;
        ApiError[] problems = [.. rules.Problems(filled.UserName, filled.Email, password, fullName, gender: null)];
        if (problems.Length > 0)
        {
            await RefuseAsync(http, problems, form.ReturnUrl, filled);
            return;
        }
        if (await hashing.TryHashAsync(password, http.RequestAborted) is not { } hash)
        {
            await RefuseAsync(http, [ApiErrors.ServiceUnavailable], form.ReturnUrl, filled);
            return;
        }

        var stored = await accounts.TryStoreAsync(http, new Registration(filled.UserName, IsNamedByEmail: false, filled.Email, password, fullName, Age: null, Gender: null), hash);
        if (stored.IsRefused)
        {
            await RefuseAsync(http, [stored.Error], form.ReturnUrl, filled);
            return;
        }
        var user = stored.Value;
        // The account is there now: a caller who hangs up does not undo it.
        await confirmation.TrySendAsync(user.Id, filled.Email, http.Deadline()).WithinDeadline(http);
        // False: an administrator was quicker and switched the account off; sign-in tells no more than that it is refused.
        var isSignedIn = await sessions.TryStartAsync(http, new CheckedUser(user.Id, user.SecurityStamp!, [], null, null), isRemembered: false);
        SeeOther.Write(http, isSignedIn ? form.ReturnUrl ?? $"{issuer.Path}{Routes.Account}?notice=registered" : ReturnUrl.Add(issuer.Path + Routes.SignIn, form.ReturnUrl));
    }

    private Task RefuseAsync(HttpContext http, ApiError[] problems, string? returnUrl, Filled filled)
    {
        http.Features.Set(problems[0]);
        if (problems[0].RetryAfter is { } seconds)
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        var texts = Languages.Choose(http);
        Dictionary<string, string> errors = [];
        string? error = null;
        foreach (var problem in problems)
        {
            var (field, text) = WordsOf(problem, texts);
            if (field is null)
                error = text;
            else
                errors.TryAdd(field, text);
        }
        return WriteAsync(http, (int)problems[0].Status, returnUrl, filled, error, errors);
    }

    private static (string? Field, string Text) WordsOf(ApiError problem, Texts texts) => problem.Code switch
    {
        _ when problem == AccountErrors.InvalidUserName => ("username", texts["register.username_refused"]),
        _ when problem == AccountErrors.UserNameExists => ("username", texts["register.username_taken"]),
        _ when problem == AccountErrors.InvalidEmail => ("email", texts["register.email_refused"]),
        _ when problem == AccountErrors.EmailExists => ("email", texts["register.email_taken"]),
        _ when problem == AccountErrors.InvalidProfile => ("full_name", texts["register.full_name_refused"]),
        "INVALID_PASSWORD" => ("password", texts["password.refused"]),
        "TOO_MANY_REQUESTS" => (null, texts["refused.too_many"]),
        _ => (null, texts["refused.busy"]),
    };

    private Task WriteAsync(HttpContext http, int status, string? returnUrl, Filled filled, string? error, Dictionary<string, string> errors)
    {
        var texts = Languages.Choose(http);
        var model = new RegisterModel(
            filled.UserName, filled.Email, filled.FullName, PasswordWords.Describe(policy, texts), error, errors, returnUrl, ReturnUrl.Add(issuer.Path + Routes.SignIn, returnUrl));
        var client = WaitingClient.Find(configuration.Value, returnUrl, issuer.Path);
        return pages.WriteAsync<RegisterPage, RegisterModel>(http, status, model, leadsAway: client is not null);
    }

    private sealed record Filled(string UserName, string Email, string FullName);
}
