using IdentityServer.Mail;
using Npgsql;
using ServiceDefaults.Storage;

namespace IdentityServer.Accounts;

/// <summary>Puts the message that asks an address to be confirmed into the outbox.</summary>
internal sealed partial class ConfirmationMail(
    NpgsqlDataSource source, EmailConfirmation confirmation, MailDelivery mail, EmailConfirmationSettings settings, TimeProvider timeProvider, ILogger<ConfirmationMail> logger)
{
    /// <summary>False: the database is unreachable. The account exists anyway, and its owner may ask for another message.</summary>
    /// <param name="email">As registered.</param>
    public async Task<bool> TrySendAsync(Guid userId, string email, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await mail.AddAsync(connection, confirmation.Write(userId, email), timeProvider.GetUtcNow() + settings.Lifetime, cancellationToken);
        }
        catch (Exception outage) when (Outage.Is(outage))
        {
            LogNotSent(userId, outage);
            return false;
        }
        mail.Wake();
        return true;
    }

    [LoggerMessage(4310, LogLevel.Warning, "The message to confirm the address of user {UserId} could not be written")]
    private partial void LogNotSent(Guid userId, Exception outage);
}
