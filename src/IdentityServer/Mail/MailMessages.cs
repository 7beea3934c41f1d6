using MimeKit;
using MimeKit.Utils;

namespace IdentityServer.Mail;

internal static class MailMessages
{
    /// <summary>RFC 5322 §2.1.1; longer lines are sent as quoted-printable.</summary>
    private const int MaximumLineLength = 998;

    public static MimeMessage Create(MailboxAddress from, Message message)
    {
        var to = new MailboxAddress("", message.To);
        // MimeKit reads the first address and ignores what follows; it decodes A-labels of the domain.
        if (message.To != to.Address && message.To != MailboxAddress.EncodeAddrspec(to.Address))
            throw new ArgumentException("The recipient is not a single address.", nameof(message));
        var mail = new MimeMessage([from], [to], message.Subject, new TextPart("plain") { Text = message.Body })
        {
            // MimeKit's own would name this machine.
            MessageId = MimeUtils.GenerateMessageId(from.Domain),
            Headers = { { "Auto-Submitted", "auto-generated" } },
        };
        mail.Prepare(EncodingConstraint.SevenBit, MaximumLineLength);
        return mail;
    }
}
