using System.Buffers.Binary;

namespace IdentityServer.Storage;

/// <summary>Grant ids are UUID v7 (RFC 9562 §5.7): they contain the time of the sign-in in milliseconds.</summary>
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
    /// The time for a new grant: in whole milliseconds, like the one in its id, and always later than the last time that all grants
    /// of the account were ended, whichever node's clock set that. Otherwise the feed's entry would end the new grant too.
    /// </summary>
    public static DateTimeOffset After(DateTimeOffset now, DateTimeOffset? ended)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds());
        return ended > at ? DateTimeOffset.FromUnixTimeMilliseconds(ended.Value.ToUnixTimeMilliseconds() + 1) : at;
    }
}
