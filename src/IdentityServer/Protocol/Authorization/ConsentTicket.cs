using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Dpop;
using Microsoft.AspNetCore.DataProtection;

namespace IdentityServer.Protocol.Authorization;

/// <summary>
/// What the consent page showed, and to whom: the request and the session, encrypted in a form field by Data Protection. The
/// answer counts only for that request in that session, whatever else the browser is made to post.
/// </summary>
internal sealed class ConsentTicket(IDataProtectionProvider protection, TimeProvider timeProvider)
{
    private const int PrefixLength = 16 + 8;

    /// <summary>How long the user may think about it.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Authorization.Consent");

    public string Write(Guid sessionId, string form)
    {
        var bytes = new byte[PrefixLength + Encoding.UTF8.GetByteCount(form)];
        sessionId.TryWriteBytes(bytes, bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(16), timeProvider.GetUtcNow().UtcTicks);
        Encoding.UTF8.GetBytes(form, bytes.AsSpan(PrefixLength));
        return Base64Url.EncodeToString(_protector.Protect(bytes));
    }

    /// <summary>The request, form-urlencoded; null: forged, too old, or shown in another session.</summary>
    public byte[]? Read(string ticket, Guid? sessionId)
    {
        if (!StrictBase64Url.TryDecode(ticket, out var bytes))
            return null;
        byte[] clear;
        try
        {
            clear = _protector.Unprotect(bytes!);
        }
        catch (CryptographicException)
        {
            return null;
        }
        var shownIn = new Guid(clear.AsSpan(0, 16), bigEndian: true);
        var at = new DateTimeOffset(BinaryPrimitives.ReadInt64BigEndian(clear.AsSpan(16)), TimeSpan.Zero);
        return shownIn == sessionId && timeProvider.GetUtcNow() - at < Lifetime ? clear[PrefixLength..] : null;
    }
}
