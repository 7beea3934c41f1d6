using IdentityServer.Logout;
using IdentityServer.Outbox;
using IdentityServer.Sessions;

namespace IdentityServer;

/// <summary>How a browser is signed out, and how applications hear of it.</summary>
internal static class LogoutServices
{
    private static readonly string[] GetAndPost = [HttpMethods.Get, HttpMethods.Post];

    public static void AddLogout(this IServiceCollection services)
    {
        services.AddSingleton<SessionEnding>();
        services.AddSingleton<EndSessionRequests>();
        services.AddSingleton<EndSessionEndpoint>();
        services.AddSingleton<LogoutTokens>();
        services.AddDelivery<BackchannelLogout>();
        services.AddDelivery<DeletedSessionLogout>();
    }

    public static void MapLogout(this WebApplication app)
    {
        var endpoint = app.Services.GetRequiredService<EndSessionEndpoint>();
        app.MapMethods(Discovery.Routes.EndSession, GetAndPost, endpoint.HandleAsync);
        app.MapGet(LogoutRoutes.Confirm, endpoint.AskAsync);
        app.MapPost(LogoutRoutes.Confirm, endpoint.HandleConfirmationAsync);
        app.MapGet(LogoutRoutes.SignedOut, endpoint.ShowSignedOutAsync);
    }
}
