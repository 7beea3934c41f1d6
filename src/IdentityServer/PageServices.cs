using IdentityServer.Pages;
using IdentityServer.Sessions;
using IdentityServer.Settings;
using IdentityServer.Storage;

namespace IdentityServer;

/// <summary>What people see in their browser, and that they are signed in there.</summary>
internal static class PageServices
{
    public static void AddPages(this IServiceCollection services, SettingsReader settings)
    {
        var isHttps = IssuerSettings.Read(settings).IsHttps;
        services.AddSingleton(SessionSettings.Read(settings));
        services.AddSingleton(BrandingSettings.Read(settings));
        services.AddSingleton<SessionStore>();
        services.AddSingleton<BrowserSessions>();
        services.AddSingleton<PageWriter>();
        services.AddRazorComponents();
        services.AddAntiforgery(options =>
        {
            options.FormFieldName = "antiforgery";
            options.HeaderName = null;
            options.Cookie.Name = isHttps ? "__Host-identityserver.antiforgery" : "identityserver.antiforgery";
            options.Cookie.Path = "/";
            options.Cookie.SecurePolicy = isHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.None;
            options.SuppressXFrameOptionsHeader = true;
        });
    }
}
