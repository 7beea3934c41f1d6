using System.Net;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Clients;
using IdentityServer.Outbound;
using IdentityServer.Outbox;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Logout;

/// <summary>
/// Tells clients that a session has ended (Back-Channel Logout §2.5), by posting a logout token to the client's address. A client
/// that does not answer is told again, with a new token each time; one that answers 400 has understood but refuses (§2.8).
/// </summary>
internal sealed partial class BackchannelLogout(CurrentConfiguration configuration, LogoutTokens tokens, OutboundHttp http, ILogger<BackchannelLogout> logger) : IOutboxDelivery
{
    public string Kind => LogoutNotice.Kind;

    public int Workers => 8;

    /// <summary>Longer than the request's own timeout.</summary>
    public TimeSpan Deadline => OutboundHttp.Deadline * 2;

    public async Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellationToken)
    {
        var notice = LogoutNotice.Read(message.Content);
        // The client may have been unregistered since.
        if (configuration.Value.FindClient(notice.ClientId) is not { IsDisabled: false, Metadata.BackchannelLogoutUri: { } address } client)
            return Delivery.Done;

        using var form = new FormUrlEncodedContent([new(Parameters.LogoutToken, tokens.Issue(client, notice))]);
        var answer = await http.PostAsync(new Uri(address), form, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        if (answer.IsSuccess)
            return Delivery.Done;
        if (answer is { Failure: null, Status: HttpStatusCode.BadRequest })
        {
            LogRefused(client.ClientId);
            return Delivery.Refused;
        }
        LogNotTold(client.ClientId, message.Attempt, answer.Failure ?? $"it answered {(int)answer.Status}");
        return Delivery.Postponed;
    }

    [LoggerMessage(4600, LogLevel.Warning, "Client {ClientId} was not told of a sign-out at attempt {Attempt}: {Why}")]
    private partial void LogNotTold(string clientId, int attempt, string why);

    [LoggerMessage(4601, LogLevel.Warning, "Client {ClientId} refuses a logout token")]
    private partial void LogRefused(string clientId);
}
