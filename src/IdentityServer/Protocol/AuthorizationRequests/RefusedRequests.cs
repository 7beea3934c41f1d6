using IdentityServer.Clients;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>
/// One line for each authorization request that is refused: whose it was and why. Nothing that the request says stands in it.
/// What happens every day, because nobody is signed in or somebody says no, is nothing to look into.
/// </summary>
internal sealed partial class RefusedRequests(ILogger<RefusedRequests> log)
{
    /// <param name="client">Null: the request named none that is registered.</param>
    public void Note(Client? client, OAuthError error) => LogRefused(
        error.Code is OAuthErrorCodes.LoginRequired or OAuthErrorCodes.ConsentRequired or OAuthErrorCodes.AccessDenied ? LogLevel.Debug : LogLevel.Information,
        client?.ClientId, error.Code, error.Description);

    [LoggerMessage(EventId = 2120, Message = "Refused an authorization request of client {ClientId}: {Error}. {Reason}")]
    private partial void LogRefused(LogLevel level, string? clientId, string error, string reason);
}
