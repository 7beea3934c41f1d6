using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace ServiceDefaults.Settings;

[Section("Shutdown")]
internal sealed record ShutdownSettings
{
    /// <summary>How long a node still serves after SIGTERM, as not ready, until load balancers have left it.</summary>
    [Range(0, 600), ConfigurationKeyName("DrainSeconds")]
    public TimeSpan Drain { get; init; }

    /// <summary>How long, after that, running requests may take.</summary>
    [Range(1, 600), ConfigurationKeyName("TimeoutSeconds")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);
}
