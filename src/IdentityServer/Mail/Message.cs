namespace IdentityServer.Mail;

/// <summary>A message to one person. Plain ASCII text, lines of at most 900 characters.</summary>
internal sealed record Message(string To, string Subject, string Body);

/// <summary>Takes a message out of the house. Throws when it could not.</summary>
internal interface IMessageSender
{
    /// <summary>For the operator, at start.</summary>
    string Describe();

    Task SendAsync(Message message, CancellationToken cancellation);
}
