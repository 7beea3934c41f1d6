using System.Net.Mail;
using System.Net.Mime;
using System.Text;

namespace IdentityServer.Mail;

/// <summary>Messages as the base library writes them (RFC 5322).</summary>
internal static class MailMessages
{
    /// <summary>A line break in an address or subject is refused by the base library: no header can be slipped in.</summary>
    public static MailMessage Create(MailAddress from, Message message) => new(from, OneAddress(message.To))
    {
        Subject = message.Subject,
        Body = message.Body,
        // Seven bits: what is written is what is sent, no line of it is folded or encoded.
        BodyEncoding = Encoding.ASCII,
        BodyTransferEncoding = TransferEncoding.SevenBit,
        Headers = { ["Auto-Submitted"] = "auto-generated" },
    };

    // MailAddress takes the last of a list, and names before addresses.
    private static MailAddress OneAddress(string text) =>
        new MailAddress(text) is var address && address.Address == text ? address : throw new ArgumentException("This is not one address.", nameof(text));
}
