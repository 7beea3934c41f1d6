using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

/// <summary>The device authorization grant: RFC 8628 §3.5.</summary>
public static partial class Errors
{
    public static readonly OAuthError DeviceCodeRefused = new(InvalidGrant, "The device code is invalid, was used before or was issued to another client.");
    public static readonly OAuthError DevicePending = new(AuthorizationPending, "The user has not decided yet: go on polling.");
    public static readonly OAuthError DevicePolledTooSoon = new(SlowDown, "The user has not decided yet: poll with an interval that is 5 seconds longer.");
    public static readonly OAuthError DeviceDenied = new(AccessDenied, "The user denied the device.");
    public static readonly OAuthError DeviceCodeExpired = new(ExpiredToken, "The device code has expired: begin again.");
}
