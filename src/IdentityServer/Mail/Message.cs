namespace IdentityServer.Mail;

/// <summary>A plain text message to one person.</summary>
internal sealed record Message(string To, string Subject, string Body);

internal interface IMessageSender
{
    /// <summary>Where messages go, as one sentence for the operator.</summary>
    string Describe();

    /// <summary>Throws when the message was not accepted.</summary>
    Task SendAsync(Message message, CancellationToken cancellationToken);
}
