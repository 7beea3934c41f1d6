namespace IdentityServer.Keys;

/// <summary>What a handle may be used as: its first byte, under the MAC.</summary>
internal enum HandleKind : byte
{
    RefreshToken = 1,

    /// <summary>An authorization code: generation 0 of its grant (RFC 6749 §4.1.2).</summary>
    Code = 2,

    /// <summary>RFC 8628 §3.2: the id is that of its token entry.</summary>
    DeviceCode = 3,

    /// <summary>A pushed request's <c>request_uri</c> (RFC 9126 §2.2).</summary>
    PushedRequest = 4,
}
