using System.Globalization;
using System.Text;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace IdentityServer.Mail;

/// <summary>
/// Sends messages to an SMTP server. Where TLS is required, nothing but EHLO and STARTTLS is sent before the server's
/// certificate is verified.
/// </summary>
internal sealed class SmtpMessageSender(MailboxAddress from, SmtpSettings settings) : IMessageSender
{
    public string Describe()
    {
        var security = settings.Security switch
        {
            SecureSocketOptions.SslOnConnect => "with TLS",
            SecureSocketOptions.StartTls => "with STARTTLS",
            _ => "without encryption",
        };
        return string.Create(CultureInfo.InvariantCulture, $"Messages are sent by SMTP to {settings.Host}:{settings.Port}, {security}.");
    }

    public async Task SendAsync(Message message, CancellationToken cancellationToken)
    {
        using var mail = MailMessages.Create(from, message);
        // MailKit would refuse every private CA without a revocation list, and every network that cannot reach one.
        using var client = new SmtpClient { CheckCertificateRevocation = false };
        await client.ConnectAsync(settings.Host, settings.Port, settings.Security, cancellationToken);
        if (settings is { User: { } user, Password: { } password })
            await client.AuthenticateAsync(user, password, cancellationToken);

        var format = FormatOptions.Default.Clone();
        format.International = !Ascii.IsValid(mail.To.Mailboxes.Single().LocalPart);
        // Without SMTPUTF8 MailKit sends the domain as A-labels, which every server on the way accepts.
        if (!format.International)
            client.Capabilities &= ~SmtpCapabilities.UTF8;
        // RFC 6531 §3.2. MailKit would send the address anyway.
        else if (!client.Capabilities.HasFlag(SmtpCapabilities.UTF8))
            throw new NotSupportedException("The SMTP server does not support addresses with non-ASCII characters (SMTPUTF8).");
        await client.SendAsync(format, mail, cancellationToken);
        // Does not throw: the message has been accepted.
        await client.DisconnectAsync(quit: true, cancellationToken);
    }
}
