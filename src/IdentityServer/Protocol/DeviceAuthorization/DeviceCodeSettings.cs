using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.DeviceAuthorization;

[Section("DeviceCodes")]
internal sealed record DeviceCodeSettings
{
    /// <summary>How long a device waits for its user (RFC 8628 §3.2: <c>expires_in</c>).</summary>
    [Range(1, 3600)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(10);
}
