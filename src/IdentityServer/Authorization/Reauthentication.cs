using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Jose;
using Microsoft.AspNetCore.DataProtection;

namespace IdentityServer.Authorization;

/// <summary>
/// Proves that the user was authenticated for this very request, where <c>prompt</c> or <c>max_age</c> ask for it: the request
/// goes to the sign-in page with a marker of when it came, under Data Protection, and a session that was authenticated
/// later than that has met it. So nobody is asked twice, and nobody passes unasked.
/// </summary>
internal sealed class Reauthentication(IDataProtectionProvider protection, TimeProvider time)
{
    /// <summary>The parameter that only this server writes.</summary>
    public const string Marker = "asked_at";

    /// <summary>How long a user may take to sign in; after it the request counts as new.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Authorization.Reauthentication");

    /// <param name="form">The request, without a marker.</param>
    public string Mark(string form)
    {
        Span<byte> bytes = stackalloc byte[8 + SHA256.HashSizeInBytes];
        BinaryPrimitives.WriteInt64BigEndian(bytes, time.GetUtcNow().UtcTicks);
        SHA256.HashData(Encoding.UTF8.GetBytes(form), bytes[8..]);
        return Base64Url.Encode(_protector.Protect(bytes.ToArray()));
    }

    /// <summary>When this request first came, if its marker says so and is ours; else null.</summary>
    public DateTimeOffset? AskedAt(string? marker, string form)
    {
        if (marker is null || marker.Length > 1024 || !Base64Url.TryDecode(marker, out var bytes))
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
        if (clear.Length != 8 + SHA256.HashSizeInBytes || !clear.AsSpan(8).SequenceEqual(SHA256.HashData(Encoding.UTF8.GetBytes(form))))
            return null;
        var at = new DateTimeOffset(BinaryPrimitives.ReadInt64BigEndian(clear), TimeSpan.Zero);
        return time.GetUtcNow() - at < Lifetime ? at : null;
    }
}
