using IdentityServer.Protocol.AuthorizationRequests;

namespace IdentityServer.Protocol.Authorization;

internal static class AuthorizationServices
{
    public static void AddAuthorizationEndpoint(this IServiceCollection services)
    {
        services.AddSingleton<Reauthentication>();
        services.AddSingleton<ConsentTicket>();
        services.AddSingleton<AuthorizationCodes>();
        services.AddSingleton<RefusedRequests>();
        services.AddSingleton<WantedUser>();
    }
}
