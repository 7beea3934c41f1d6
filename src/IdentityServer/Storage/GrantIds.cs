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
}
