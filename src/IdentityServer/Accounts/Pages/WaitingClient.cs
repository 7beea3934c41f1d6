using IdentityServer.Clients;
using IdentityServer.Pages;
using IdentityServer.Protocol;

namespace IdentityServer.Accounts.Pages;

/// <summary>The client whose authorization request continues after sign-in.</summary>
internal static class WaitingClient
{
    public static Client? Find(ServerConfiguration configuration, string? returnUrl, string pathBase) =>
        ReturnUrl.AuthorizationRequest(returnUrl, pathBase).TryGetValue(Parameters.ClientId, out var id) && configuration.FindClient(id.ToString()) is { IsDisabled: false } client
            ? client
            : null;
}
