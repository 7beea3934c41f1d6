using System.Globalization;
using System.Net;
using System.Net.Mail;
using IdentityServer.Settings;

namespace IdentityServer.Mail;

/// <summary>
/// Hands messages to an SMTP server. With TLS required the base library ends the conversation before a credential or
/// address is said when the server offers no STARTTLS (RFC 3207) or its certificate is not trusted.
/// </summary>
internal sealed class SmtpMessageSender(MailAddress from, SmtpSettings settings) : IMessageSender
{
    public string Describe() => string.Create(CultureInfo.InvariantCulture,
        $"Messages go to {settings.Host}:{settings.Port} by SMTP, {(settings.RequireTls ? "with TLS" : "in the clear")}.");

    public async Task SendAsync(Message message, CancellationToken cancellation)
    {
        // SmtpClient's own timeout holds for its blocking calls only.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(settings.Timeout);
        using var client = new SmtpClient(settings.Host, settings.Port)
        {
            EnableSsl = settings.RequireTls,
            DeliveryFormat = SmtpDeliveryFormat.International,
            Credentials = settings.User is null ? null : new NetworkCredential(settings.User, settings.Password),
        };
        using var mail = MailMessages.Create(from, message);
        await client.SendMailAsync(mail, limit.Token);
    }
}
