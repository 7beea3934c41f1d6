using System.ComponentModel.DataAnnotations;
using ServiceDefaults.Settings;

namespace IdentityServer.Limits;

/// <summary>How many requests a window takes. The lockout of an account is another thing and is never off.</summary>
[Section("Limits")]
internal sealed record LimitSettings
{
    private const int Most = 1_000_000_000;

    /// <summary>False switches the rates off (tests, load runs).</summary>
    [ConfigurationKeyName("Enabled")]
    public bool IsEnabled { get; init; } = true;

    [Range(1, 86_400)]
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(60);

    [Range(1, Most)]
    public int TokensPerAddress { get; init; } = 6_000;

    [Range(1, Most)]
    public int SignInsPerAddress { get; init; } = 300;

    [Range(1, Most)]
    public int SignInsPerAccount { get; init; } = 30;

    [Range(1, Most)]
    public int RegistrationsPerAddress { get; init; } = 60;

    [Range(1, Most)]
    public int ClientRegistrationsPerAddress { get; init; } = 30;

    [Range(1, Most)]
    public int ResetsPerAddress { get; init; } = 30;

    [Range(1, Most)]
    public int ResetsPerAccount { get; init; } = 5;

    [Range(1, Most)]
    public int UserCodesPerAddress { get; init; } = 60;

    [Range(1, Most)]
    public int UserCodesPerSession { get; init; } = 20;
}
