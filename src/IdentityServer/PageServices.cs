using IdentityServer.Accounts.Pages;
using IdentityServer.Pages;
using IdentityServer.Sessions;
using IdentityServer.Settings;
using IdentityServer.Storage;

namespace IdentityServer;

/// <summary>What people see in their browser, and that they are signed in there.</summary>
internal static class PageServices
{
    private static readonly string[] GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    public static void AddPages(this IServiceCollection services, SettingsReader settings)
    {
        var isHttps = IssuerSettings.Read(settings).IsHttps;
        services.AddSingleton(SessionSettings.Read(settings));
        services.AddSingleton(BrandingSettings.Read(settings));
        services.AddSingleton<SessionStore>();
        services.AddSingleton<BrowserSessions>();
        services.AddSingleton<PageWriter>();
        services.AddSingleton<PageForms>();
        services.AddSingleton<StyleSheet>();
        services.AddSingleton<SignInPageEndpoint>();
        services.AddRazorComponents();
        services.AddAntiforgery(options =>
        {
            options.FormFieldName = "antiforgery";
            options.HeaderName = null;
            options.Cookie = isHttps ? new SecureCookie { Name = "__Host-identityserver.antiforgery" } : new CookieBuilder { Name = "identityserver.antiforgery" };
            options.Cookie.Path = "/";
            options.Cookie.HttpOnly = true;
            options.Cookie.IsEssential = true;
            options.Cookie.SecurePolicy = CookieSecurePolicy.None;
            // Who comes from a client's site brings it along: were it strict, each such visit would set another and put the forms
            // of other tabs out of date. A post from elsewhere comes without it all the same.
            options.Cookie.SameSite = SameSiteMode.Lax;
            options.SuppressXFrameOptionsHeader = true;
        });
    }

    public static void MapPages(this WebApplication app)
    {
        var services = app.Services;
        app.MapMethods(Routes.Style, GetAndHead, services.GetRequiredService<StyleSheet>().HandleAsync);
        var signIn = services.GetRequiredService<SignInPageEndpoint>();
        Map(app, Routes.SignIn, signIn.GetAsync, signIn.PostAsync);
    }

    private static void Map(WebApplication app, string path, RequestDelegate show, RequestDelegate? take = null)
    {
        app.MapMethods(path, GetAndHead, show);
        if (take is not null)
            app.MapPost(path, take);
    }
}
