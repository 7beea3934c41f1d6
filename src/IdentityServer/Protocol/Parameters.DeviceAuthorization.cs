namespace IdentityServer.Protocol;

public static partial class Parameters
{
    // RFC 8628 §3.1, §3.2
    public const string DeviceCode = "device_code";
    public const string UserCode = "user_code";
    public const string VerificationUri = "verification_uri";
    public const string VerificationUriComplete = "verification_uri_complete";
    public const string Interval = "interval";
}
