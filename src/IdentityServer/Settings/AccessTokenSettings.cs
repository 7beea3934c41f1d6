using System.ComponentModel.DataAnnotations;
using Microsoft.IdentityModel.Tokens;
using ServiceDefaults.Settings;

namespace IdentityServer.Settings;

[Section("AccessTokens")]
internal sealed record AccessTokenSettings
{
    /// <summary>From issue to <c>exp</c>.</summary>
    [Range(1, 86_400)]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The JWS algorithm of access tokens.</summary>
    [AllowedValues(SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256)]
    public string SigningAlgorithm { get; init; } = SecurityAlgorithms.EcdsaSha256;
}
