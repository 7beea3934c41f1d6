using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dpop;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Mail;
using IdentityServer.Pages;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.AspNetCore.DataProtection;
using Npgsql;

namespace IdentityServer.Accounts;

/// <summary>
/// Confirms that an address belongs to its account: a message with a link goes there, and whoever follows it and presses the button has
/// read it. The link's token holds the account and the address, encrypted by Data Protection, so nothing is stored. It is invalid
/// once it expires or the account gets another address.
/// </summary>
internal sealed class EmailConfirmation(
    NpgsqlDataSource source, IDataProtectionProvider protection, IssuerSettings issuer, EmailConfirmationSettings settings, TimeProvider timeProvider)
{
    private const int HeadLength = 16 + 8;

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Accounts.EmailConfirmation");

    /// <param name="email">As registered.</param>
    public string CreateToken(Guid userId, string email)
    {
        var folded = Encoding.UTF8.GetBytes(LoginName.Fold(email));
        var clear = new byte[HeadLength + folded.Length];
        userId.TryWriteBytes(clear, bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(clear.AsSpan(16), (timeProvider.GetUtcNow() + settings.Lifetime).ToUnixTimeSeconds());
        folded.CopyTo(clear, HeadLength);
        return Base64Url.EncodeToString(_protector.Protect(clear));
    }

    /// <summary>Null: not one of our tokens, or expired.</summary>
    public (Guid UserId, string FoldedEmail)? Read(string token)
    {
        if (token.Length is 0 or > 4096 || !StrictBase64Url.TryDecode(token, out var bytes))
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
        if (BinaryPrimitives.ReadInt64BigEndian(clear.AsSpan(16)) <= timeProvider.GetUtcNow().ToUnixTimeSeconds())
            return null;
        return (new Guid(clear.AsSpan(0, 16), bigEndian: true), Encoding.UTF8.GetString(clear.AsSpan(HeadLength)));
    }

    /// <summary>False: the token is invalid, or the account is disabled or has another address now. Repeating it changes nothing.</summary>
    public async Task<bool> TryConfirmAsync(string token, CancellationToken cancellationToken)
    {
        if (Read(token) is not var (userId, email))
            return false;
        return await ProfileStore.TryConfirmEmailAsync(source, userId, email, timeProvider.GetUtcNow(), cancellationToken);
    }

    /// <summary>Contains nothing from a request: no header, and no name that somebody chose.</summary>
    public Message Write(Guid userId, string email) => new(
        email,
        "Confirm your e-mail address",
        string.Create(CultureInfo.InvariantCulture,
            $"""
            Somebody, most likely you, gave this address to an account at
            {issuer.Issuer}

            If it was you, open this address and press the button there.
            The link works for {Math.Max(1, (int)settings.Lifetime.TotalHours)} hours:

            {issuer.At(PageRoutes.ConfirmEmail)}?token={CreateToken(userId, email)}

            If it was not you, do nothing.
            """));
}
