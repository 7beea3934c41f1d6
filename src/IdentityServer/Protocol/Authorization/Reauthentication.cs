using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Dpop;
using IdentityServer.Storage;
using Microsoft.AspNetCore.DataProtection;

namespace IdentityServer.Protocol.Authorization;

/// <summary>
/// Proves that the user was authenticated for this very request, if <c>prompt</c> or <c>max_age</c> asks for it. The request
/// goes to the sign-in page with a marker, encrypted by Data Protection, of when it came and in which session. A session
/// authenticated since then satisfies it. So nobody is asked twice, and nobody gets through without being asked.
/// </summary>
internal sealed class Reauthentication(IDataProtectionProvider protection, TimeProvider timeProvider)
{
    /// <summary>The parameter that only this server writes.</summary>
    public const string Marker = "asked_at";

    private const int StateLength = 16 + 8;
    private const int Length = 8 + StateLength + SHA256.HashSizeInBytes;

    /// <summary>How long a user may take to sign in; after that the request counts as new.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>The node that checked the password may have a different clock from the one that asked for it.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private readonly IDataProtector _protector = protection.CreateProtector("IdentityServer.Protocol.Authorization.Reauthentication");

    /// <param name="form">The request, without a marker.</param>
    public string Mark(string form, SessionState? session)
    {
        var bytes = new byte[Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, timeProvider.GetUtcNow().UtcTicks);
        WriteState(bytes.AsSpan(8), session);
        SHA256.HashData(Encoding.UTF8.GetBytes(form), bytes.AsSpan(8 + StateLength));
        return Base64Url.EncodeToString(_protector.Protect(bytes));
    }

    /// <summary>Whether the session was authenticated after the time in the request's marker.</summary>
    public bool IsMet(string? marker, string form, SessionState? session)
    {
        if (session is null || marker is null || marker.Length > 1024 || !StrictBase64Url.TryDecode(marker, out var bytes))
            return false;
        byte[] clear;
        try
        {
            clear = _protector.Unprotect(bytes!);
        }
        catch (CryptographicException)
        {
            return false;
        }
        if (clear.Length != Length || !clear.AsSpan(8 + StateLength).SequenceEqual(SHA256.HashData(Encoding.UTF8.GetBytes(form))))
            return false;
        Span<byte> state = stackalloc byte[StateLength];
        WriteState(state, session);
        var askedAt = new DateTimeOffset(BinaryPrimitives.ReadInt64BigEndian(clear), TimeSpan.Zero);
        return timeProvider.GetUtcNow() - askedAt < Lifetime
            && session.AuthenticatedAt > askedAt - ClockSkew
            && !clear.AsSpan(8, StateLength).SequenceEqual(state);
    }

    /// <summary>Changes with each authentication; zeros if nobody is signed in.</summary>
    private static void WriteState(Span<byte> state, SessionState? session)
    {
        if (session is null)
            return;
        session.Id.TryWriteBytes(state, bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(state[16..], session.AuthenticatedAt.UtcTicks);
    }
}
