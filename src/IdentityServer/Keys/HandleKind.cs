namespace IdentityServer.Keys;

/// <summary>What a handle is for: its first byte, covered by the MAC.</summary>
internal enum HandleKind : byte
{
    RefreshToken = 1,

    /// <summary>An authorization code: generation 0 of its grant (RFC 6749 §4.1.2).</summary>
    Code = 2,

    /// <summary>A device code (RFC 8628 §3.2); its id is that of the token entry.</summary>
    DeviceCode = 3,

    /// <summary>A pushed request's <c>request_uri</c> (RFC 9126 §2.2).</summary>
    PushedRequest = 4,
}
