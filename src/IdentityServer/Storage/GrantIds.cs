using System.Buffers.Binary;

namespace IdentityServer.Storage;

/// <summary>Grant ids are UUID v7 (RFC 9562 §5.7): they carry the sign-in's time in milliseconds.</summary>
internal static class GrantIds
{
    public static Guid Create(DateTimeOffset at) => Guid.CreateVersion7(at);

    public static DateTimeOffset TimeOf(Guid grantId)
    {
        Span<byte> bytes = stackalloc byte[16];
        grantId.TryWriteBytes(bytes, bigEndian: true, out _);
        return DateTimeOffset.FromUnixTimeMilliseconds((long)(BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 16));
    }

    /// <summary>
    /// In whole milliseconds, as the grant's id carries them, and never before the account's grants were last ended,
    /// by whatever clock: else the feed's entry would end the new sign-in too.
    /// </summary>
    public static DateTimeOffset After(DateTimeOffset now, DateTimeOffset? ended)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds());
        return ended > at ? DateTimeOffset.FromUnixTimeMilliseconds(ended.Value.ToUnixTimeMilliseconds() + 1) : at;
    }
}
