using ServiceDefaults.Settings;

namespace IdentityServer.Http;

[Section("ForwardedHeaders")]
internal sealed record ForwardedHeadersSettings
{
    /// <summary>Addresses or networks.</summary>
    public string[] KnownProxies { get; init; } = [];
}
