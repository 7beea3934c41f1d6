using MimeKit;
using MimeKit.Utils;

namespace IdentityServer.Mail;

internal static class MailMessages
{
    /// <summary>RFC 5322 §2.1.1; longer lines are sent as quoted-printable.</summary>
    private const int MaximumLineLength = 998;

    /// <exception cref="ParseException">The recipient is not a single address.</exception>
    public static MimeMessage Create(MailboxAddress from, Message message)
    {
        // The domain goes out as A-labels, so that only a non-ASCII local part needs SMTPUTF8.
        var to = new MailboxAddress("", MailboxAddress.EncodeAddrspec(message.To));
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
