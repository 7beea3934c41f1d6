using IdentityServer.Clients;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Protocol.Discovery;

/// <summary>Adds what changes while the server runs: the scopes, and the password grant, shown only if a client has it.</summary>
internal sealed class AttachCurrentConfiguration(CurrentConfiguration configuration) : IOpenIddictServerHandler<HandleConfigurationRequestContext>
{
    public ValueTask HandleAsync(HandleConfigurationRequestContext context)
    {
        var served = configuration.Value;
        context.Scopes.UnionWith(served.Scopes.Tokens);
        if (!served.GrantTypesInUse.Contains(GrantTypes.Password))
            context.GrantTypes.Remove(GrantTypes.Password);
        return default;
    }
}
