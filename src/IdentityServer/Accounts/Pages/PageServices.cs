using IdentityServer.Accounts.Sessions;
using IdentityServer.Outbox;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using ServiceDefaults.Settings;

namespace IdentityServer.Accounts.Pages;

/// <summary>The pages for browsers, and their sessions.</summary>
internal static class PageServices
{
    private static readonly string[] GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    public static void AddPages(this IServiceCollection services, SettingsReader settings)
    {
        var issuer = settings.Read<IssuerSettings>();
        services.AddSettings<SessionSettings>(settings);
        services.AddSettings<BrandingSettings>(settings);
        services.AddSingleton<SessionStore>();
        services.AddSingleton<BrowserSessions>();
        services.AddSingleton<PageWriter>();
        services.AddSingleton<PageForms>();
        services.AddSingleton<StyleSheet>();
        services.AddSettings<EmailConfirmationSettings>(settings);
        services.AddSingleton<EmailConfirmation>();
        services.AddSingleton<ConfirmationMail>();
        services.AddSingleton<BrowserPasswordChange>();
        services.AddSingleton<SignedInOnly>();
        services.AddSingleton<SignInPageEndpoint>();
        services.AddDelivery<PendingRegistrations>();
        services.AddSingleton<RegistrationCookie>();
        services.AddSingleton<RegistrationLink>();
        services.AddSingleton<RegisterPageEndpoint>();
        services.AddSingleton<ForgotPasswordPageEndpoint>();
        services.AddSingleton<ResetPasswordPageEndpoint>();
        services.AddSingleton<ConfirmEmailPageEndpoint>();
        services.AddSingleton<AccountPageEndpoint>();
        services.AddSingleton<ProfilePageEndpoint>();
        services.AddSingleton<ChangePasswordPageEndpoint>();
        services.AddSingleton<SessionsPageEndpoint>();
        services.AddSingleton<ApplicationsPageEndpoint>();
        services.AddAntiforgery(options =>
        {
            options.FormFieldName = "antiforgery";
            options.HeaderName = null;
            options.Cookie = issuer.IsHttps ? new SecureCookie() : new CookieBuilder();
            options.Cookie.Name = issuer.CookieName(".antiforgery");
            options.Cookie.Path = "/";
            options.Cookie.HttpOnly = true;
            options.Cookie.IsEssential = true;
            options.Cookie.SecurePolicy = CookieSecurePolicy.None;
            // Lax, so that a visit from a client's site sends it: if it were strict, each such visit would set a new one and invalidate the forms
            // of other tabs. A post from another site still comes without it.
            options.Cookie.SameSite = SameSiteMode.Lax;
            options.SuppressXFrameOptionsHeader = true;
        });
    }

    public static void MapPages(this WebApplication app)
    {
        var services = app.Services;
        app.MapMethods(PageRoutes.Style, GetAndHead, services.GetRequiredService<StyleSheet>().HandleAsync);
        var signIn = services.GetRequiredService<SignInPageEndpoint>();
        Map(app, PageRoutes.SignIn, signIn.GetAsync, signIn.PostAsync);
        var register = services.GetRequiredService<RegisterPageEndpoint>();
        Map(app, PageRoutes.Register, register.GetAsync, register.PostAsync);
        var forgot = services.GetRequiredService<ForgotPasswordPageEndpoint>();
        Map(app, PageRoutes.ForgotPassword, forgot.GetAsync, forgot.PostAsync);
        var reset = services.GetRequiredService<ResetPasswordPageEndpoint>();
        Map(app, PageRoutes.ResetPassword, reset.GetAsync, reset.PostAsync);
        var confirm = services.GetRequiredService<ConfirmEmailPageEndpoint>();
        Map(app, PageRoutes.ConfirmEmail, confirm.GetAsync, confirm.PostAsync);

        var account = services.GetRequiredService<AccountPageEndpoint>();
        MapSignedIn(app, PageRoutes.Account, account.GetAsync, account.PostAsync);
        var profile = services.GetRequiredService<ProfilePageEndpoint>();
        MapSignedIn(app, PageRoutes.Profile, profile.GetAsync, profile.PostAsync);
        var password = services.GetRequiredService<ChangePasswordPageEndpoint>();
        MapSignedIn(app, PageRoutes.Password, password.GetAsync, password.PostAsync);
        var sessions = services.GetRequiredService<SessionsPageEndpoint>();
        MapSignedIn(app, PageRoutes.Sessions, sessions.GetAsync, sessions.PostAsync);
        var applications = services.GetRequiredService<ApplicationsPageEndpoint>();
        MapSignedIn(app, PageRoutes.Applications, applications.GetAsync, applications.PostAsync);
    }

    private static void MapSignedIn(WebApplication app, string path, Func<HttpContext, SessionState, Task> show, Func<HttpContext, SessionState, Task> take)
    {
        var signedIn = app.Services.GetRequiredService<SignedInOnly>();
        Map(app, path, signedIn.For(show), signedIn.For(take));
    }

    private static void Map(WebApplication app, string path, RequestDelegate show, RequestDelegate take)
    {
        app.MapMethods(path, GetAndHead, show);
        app.MapPost(path, take);
    }
}
