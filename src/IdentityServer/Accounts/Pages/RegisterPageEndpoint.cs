using IdentityServer.Accounts.Passwords;
using IdentityServer.Limits;
using IdentityServer.Pages;
using IdentityServer.Settings;
using ServiceDefaults;
using ServiceDefaults.Http;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts.Pages;

/// <summary>
/// <c>/account/register</c>: requests an account by the rules of the account API. The answer is the same whether or not the address has one
/// already; the link in the message continues (<see cref="RegistrationLink"/>).
/// </summary>
internal sealed class RegisterPageEndpoint(
    PageWriter pages, PageForms forms, RegistrationRules rules, PasswordHashing hashing, PasswordSettings policy,
    PendingRegistrations registrations, RegistrationCookie cookie, DatabaseGate database, RequestLimits limits, IssuerSettings issuer)
{
    public Task GetAsync(HttpContext httpContext) => WriteAsync(
        httpContext, StatusCodes.Status200OK, ReturnUrl.Check(httpContext.Request.Query[ReturnUrl.Parameter], issuer.Path), new Filled("", "", ""), error: null, []);

    public async Task PostAsync(HttpContext httpContext)
    {
        if (await forms.ReadAsync(httpContext) is not { } form)
            return;
        var filled = new Filled(form["username"], form["email"].Trim(), form["full_name"].Trim());
        var password = form["password"];
        if (limits.Refuse(Limit.Registration, httpContext) is { } tooMany)
        {
            await RefuseAsync(httpContext, [AccountErrors.TooManyRequests(tooMany)], form.ReturnUrl, filled);
            return;
        }
        // A form sends empty fields as empty strings; the rules then report each one.
        var fullName = filled.FullName.Length == 0 ? null : filled.FullName;
        ApiError[] problems = [.. rules.Problems(filled.UserName, filled.Email, password, fullName, gender: null)];
        if (problems.Length > 0)
        {
            await RefuseAsync(httpContext, problems, form.ReturnUrl, filled);
            return;
        }
        if (await AskAsync(httpContext, filled, fullName, password, form.ReturnUrl) is { } refused)
        {
            await RefuseAsync(httpContext, [refused], form.ReturnUrl, filled);
            return;
        }
        var texts = Languages.Choose(httpContext);
        var signIn = new PageLink(ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, form.ReturnUrl), texts["forgot.sign_in"]);
        await pages.WritePlainAsync<MessagePage, MessageModel>(httpContext, StatusCodes.Status200OK, new MessageModel(texts["register_done.title"], texts["register_done.text"], signIn));
    }

    /// <summary>Does the same work whether or not the address has an account.</summary>
    private async Task<ApiError?> AskAsync(HttpContext httpContext, Filled filled, string? fullName, string password, string? returnUrl)
    {
        using (var place = database.TryEnter())
        {
            if (place.IsRefused)
                return ApiErrors.ServiceUnavailable;
            if (await NewAccounts.IsTakenAsync(httpContext, filled.UserName))
                return AccountErrors.UserNameExists;
        }
        // Counted by the typed address, so that it does not reveal which addresses have an account; not counted for a taken user name,
        // which sends no message.
        if (limits.RefuseAccount(Limit.Registration, filled.Email) is { } tooMany)
            return AccountErrors.TooManyRequests(tooMany);
        if (await hashing.TryHashAsync(password, httpContext.RequestAborted) is not { } hash)
            return ApiErrors.ServiceUnavailable;
        using (var place = database.TryEnter())
        {
            if (place.IsRefused)
                return ApiErrors.ServiceUnavailable;
            await registrations.AddAsync(new PendingRegistration(filled.UserName, filled.Email, fullName, hash, returnUrl, cookie.Keep(httpContext)), httpContext.Deadline()).WithinDeadline(httpContext);
        }
        return null;
    }

    private Task RefuseAsync(HttpContext httpContext, ApiError[] problems, string? returnUrl, Filled filled)
    {
        httpContext.Features.Set(problems[0]);
        httpContext.Response.TellWait(problems[0].RetryAfter);
        var texts = Languages.Choose(httpContext);
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
        return WriteAsync(httpContext, (int)problems[0].Status, returnUrl, filled, error, errors);
    }

    private static (string? Field, string Text) WordsOf(ApiError problem, Texts texts) => problem.Code switch
    {
        _ when problem == AccountErrors.InvalidUserName => ("username", texts["register.username_refused"]),
        _ when problem == AccountErrors.UserNameExists => ("username", texts["register.username_taken"]),
        _ when problem == AccountErrors.InvalidEmail => ("email", texts["register.email_refused"]),
        _ when problem == AccountErrors.InvalidProfile => ("full_name", texts["register.full_name_refused"]),
        "INVALID_PASSWORD" => ("password", texts["password.refused"]),
        "TOO_MANY_REQUESTS" => (null, texts["refused.too_many"]),
        _ => (null, texts["refused.busy"]),
    };

    private Task WriteAsync(HttpContext httpContext, int status, string? returnUrl, Filled filled, string? error, Dictionary<string, string> errors)
    {
        var texts = Languages.Choose(httpContext);
        var model = new RegisterModel(
            filled.UserName, filled.Email, filled.FullName, PasswordWords.Describe(policy, texts), error, errors, returnUrl, ReturnUrl.Add(issuer.Path + PageRoutes.SignIn, returnUrl));
        return pages.WriteAsync<RegisterPage, RegisterModel>(httpContext, status, model);
    }

    private sealed record Filled(string UserName, string Email, string FullName);
}
