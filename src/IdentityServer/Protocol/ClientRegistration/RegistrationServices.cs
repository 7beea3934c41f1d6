using IdentityServer.Http;
using IdentityServer.Settings;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.ClientRegistration;

/// <summary>Clients that register themselves; nothing of it is there while <c>Registration:Mode</c> is off.</summary>
internal static class RegistrationServices
{
    public static void AddClientRegistration(this IServiceCollection services, SettingsReader settings)
    {
        services.AddSettings<ClientRegistrationSettings>(settings);
        services.AddSingleton<RegistrationReader>();
        services.AddSingleton<RegistrationEndpoint>();
        services.AddSingleton<RegistrationManagement>();
    }

    public static void MapClientRegistration(this WebApplication app)
    {
        var services = app.Services;
        if (!services.GetRequiredService<ClientRegistrationSettings>().IsOn)
            return;
        app.MapPost(ProtocolRoutes.Register, services.GetRequiredService<RegistrationEndpoint>().HandleAsync).RequireCors(CorsPolicies.Browsers);
        var management = services.GetRequiredService<RegistrationManagement>();
        const string client = ProtocolRoutes.Register + "/{client_id}";
        app.MapGet(client, management.ReadAsync).RequireCors(CorsPolicies.Management);
        app.MapPut(client, management.ReplaceAsync).RequireCors(CorsPolicies.Management);
        app.MapDelete(client, management.RemoveAsync).RequireCors(CorsPolicies.Management);
    }
}
