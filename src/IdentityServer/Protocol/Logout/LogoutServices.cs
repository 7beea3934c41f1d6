using IdentityServer.Accounts.Sessions;
using IdentityServer.Outbox;

namespace IdentityServer.Protocol.Logout;

/// <summary>Signing a browser out, and telling applications about it.</summary>
internal static class LogoutServices
{
    public static void AddLogout(this IServiceCollection services)
    {
        services.AddSingleton<SessionEnding>();
        services.AddSingleton<SignOutPages>();
        services.AddSingleton<LogoutTokens>();
        services.AddDelivery<BackchannelLogout>();
        services.AddDelivery<DeletedSessionLogout>();
    }

    public static void MapLogout(this WebApplication app)
    {
        var pages = app.Services.GetRequiredService<SignOutPages>();
        app.MapGet(LogoutRoutes.Confirm, pages.AskAsync);
        app.MapPost(LogoutRoutes.Confirm, pages.HandleConfirmationAsync);
        app.MapGet(LogoutRoutes.SignedOut, pages.ShowSignedOutAsync);
    }
}
