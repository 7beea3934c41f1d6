using ServiceDefaults.Settings;

namespace IdentityServer.Protocol.TokenEndpoint;

/// <summary>Whether plain token requests are answered without OpenIddict's events (<see cref="AnswerPlainRequest"/>).</summary>
[Section("FastPath")]
internal sealed record FastPathSettings
{
    /// <summary>Off, every request takes the pipeline. The answers are the same.</summary>
    [ConfigurationKeyName("Enabled")]
    public bool IsEnabled { get; init; } = true;
}
