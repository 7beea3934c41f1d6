using IdentityServer.Configuration;
using IdentityServer.Protocol;

namespace IdentityServer.AuthorizationRequests;

/// <summary>One line for each authorization request that is refused: whose it was and why. Nothing that the request says stands in it.</summary>
internal sealed partial class RefusedRequests(ILogger<RefusedRequests> log)
{
    /// <param name="client">Null: the request named none that is registered.</param>
    public void Note(Client? client, OAuthError error) => LogRefused(client?.ClientId, error.Code, error.Description);

    [LoggerMessage(2120, LogLevel.Information, "Refused an authorization request of client {ClientId}: {Error}. {Reason}")]
    private partial void LogRefused(string? clientId, string error, string reason);
}
