using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>One sentence per error: the setting, its value, the allowed values. Never a secret.</summary>
internal sealed class IdentityServerTokensOptionsValidation(IHostEnvironment environment) : IValidateOptions<IdentityServerTokensOptions>
{
    private const int MaximumClockSkew = 60;
    private const int MaximumStaleness = 3600;

    public ValidateOptionsResult Validate(string? name, IdentityServerTokensOptions options)
    {
        List<string> faults = [.. options.Faults];
        var prefix = options.SettingPrefix;

        foreach (var (setting, place, what) in new[]
        {
            ("Authority", options.Authority, "the issuer's absolute http or https address without query, fragment or user, such as https://id.example.com."),
            ("BackchannelAddress", options.BackchannelAddress, "empty or the absolute http or https address at which this program reaches the issuer."),
        })
        {
            if (place is not null && !IsAddress(place))
                faults.Add($"{prefix}{setting} is {Shown(place)}; it may be {what}");
            else if (place is not null && IsRefusedHttp(place, options))
                faults.Add($"{prefix}{setting} is {Shown(place)}; in the {environment.EnvironmentName} environment it may be an https address, or plain http with {prefix}AllowInsecureHttp=true.");
        }

        if (!IsAddress(options.Resource))
            faults.Add($"{prefix}Resource is {Shown(options.Resource)}; it may be this API's absolute http or https address without query, fragment or user, such as https://api.example.com.");
        if (options.PublicAddress is { } address && !IsAddress(address))
            faults.Add($"{prefix}PublicAddress is {Shown(address)}; it may be empty or the absolute http or https address at which callers reach this API.");
        if (options.IsFeedFollowed && options.ClientId.Length == 0)
            faults.Add($"{prefix}ClientId is missing; it may be the client_id under which this API is registered at the issuer.");
        if ((options.IsFeedFollowed || options.RequireDpopNonce) && options.ClientSecret.Length == 0)
            faults.Add($"{prefix}ClientSecret is missing; it may be the secret of the client that {prefix}ClientId names.");
        if (options.ClockSkew < TimeSpan.Zero || options.ClockSkew > TimeSpan.FromSeconds(MaximumClockSkew))
            faults.Add($"{prefix}ClockSkew is {options.ClockSkew.TotalSeconds:0}; it may be 0 to {MaximumClockSkew} seconds.");
        if (options.MaxStaleness < TimeSpan.FromSeconds(1) || options.MaxStaleness > TimeSpan.FromSeconds(MaximumStaleness))
            faults.Add($"{IdentityServerTokensSettings.MaxStaleness} is {options.MaxStaleness.TotalSeconds:0}; it may be 1 to {MaximumStaleness} seconds.");

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static string Shown(string value) => value.Length == 0 ? "missing" : $"\"{value}\"";

    // RFC 8414 §2: an issuer has no query and no fragment. RFC 9728 §2 forbids only the fragment for a resource.
    private static bool IsAddress(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && uri.UserInfo.Length == 0
        && !value.AsSpan().ContainsAny('?', '#');

    private bool IsRefusedHttp(string address, IdentityServerTokensOptions options) =>
        !options.AllowInsecureHttp && environment.IsProduction() && address.StartsWith("http:", StringComparison.OrdinalIgnoreCase);
}
