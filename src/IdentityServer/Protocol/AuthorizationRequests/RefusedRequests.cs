using IdentityServer.Clients;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>
/// Logs one line for each refused authorization request: the client and the reason, but nothing from the request.
/// Everyday refusals (nobody is signed in, the user says no) are logged at Debug.
/// </summary>
internal sealed partial class RefusedRequests(ILogger<RefusedRequests> logger)
{
    /// <param name="client">Null: the request named no registered client.</param>
    public void Note(Client? client, OAuthError error) => LogRefused(
        error.Code is OAuthErrorCodes.LoginRequired or OAuthErrorCodes.ConsentRequired or OAuthErrorCodes.AccessDenied ? LogLevel.Debug : LogLevel.Information,
        client?.ClientId, error.Code, error.Description);

    [LoggerMessage(EventId = 2120, Message = "Refused an authorization request of client {ClientId}: {Error}. {Reason}")]
    private partial void LogRefused(LogLevel level, string? clientId, string error, string reason);
}
