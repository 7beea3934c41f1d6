using ServiceDefaults.Settings;

namespace IdentityServer.Http;

[Section("Cors")]
internal sealed record CorsSettings
{
    /// <summary>Null: not set.</summary>
    public string[]? Origins { get; init; }
}
