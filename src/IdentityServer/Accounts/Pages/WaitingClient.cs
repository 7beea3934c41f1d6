using IdentityServer.Clients;
using IdentityServer.Pages;
using IdentityServer.Protocol;

namespace IdentityServer.Accounts.Pages;

/// <summary>Whose authorization request goes on when the user is signed in.</summary>
internal static class WaitingClient
{
    public static Client? Find(ServerConfiguration configuration, string? returnUrl, string pathBase) =>
        ReturnUrl.AuthorizationRequest(returnUrl, pathBase).TryGetValue(Parameters.ClientId, out var id) && configuration.FindClient(id.ToString()) is { IsDisabled: false } client
            ? client
            : null;
}
