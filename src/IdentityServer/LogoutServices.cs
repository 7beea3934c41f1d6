using IdentityServer.Discovery;
using IdentityServer.Logout;
using IdentityServer.Outbox;
using IdentityServer.Pipeline;
using IdentityServer.Sessions;
using IdentityServer.Settings;
using OpenIddict.Server;

namespace IdentityServer;

/// <summary>How a browser is signed out, and how applications hear of it.</summary>
internal static class LogoutServices
{
    public static void AddLogout(this IServiceCollection services)
    {
        services.AddSingleton<SessionEnding>();
        services.AddSingleton<EndSessionRequests>();
        services.AddSingleton<SignOutPages>();
        services.AddSingleton<LogoutTokens>();
        services.AddDelivery<BackchannelLogout>();
        services.AddDelivery<DeletedSessionLogout>();
    }

    public static void MapLogout(this WebApplication app)
    {
        var address = new Uri(app.Services.GetRequiredService<IssuerSettings>().At(Routes.EndSession));
        app.MapProtocol(Routes.EndSession, OpenIddictServerEndpointType.EndSession, address, HttpMethods.Get, HttpMethods.Post);
        var pages = app.Services.GetRequiredService<SignOutPages>();
        app.MapGet(LogoutRoutes.Confirm, pages.AskAsync);
        app.MapPost(LogoutRoutes.Confirm, pages.HandleConfirmationAsync);
        app.MapGet(LogoutRoutes.SignedOut, pages.ShowSignedOutAsync);
    }
}
