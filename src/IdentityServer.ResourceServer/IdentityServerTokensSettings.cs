using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace IdentityServer.ResourceServer;

/// <summary>Reads the options from configuration. Durations are whole seconds.</summary>
internal static class IdentityServerTokensSettings
{
    public const string MaxStaleness = "Revocation:MaxStaleness";

    public static void Read(IConfiguration configuration, string section, IdentityServerTokensOptions options)
    {
        var settings = configuration.GetSection(section);
        options.SettingPrefix = section + ":";
        options.Authority = settings["Authority"] ?? options.Authority;
        options.Resource = settings["Resource"] ?? options.Resource;
        options.ClientId = settings["ClientId"] ?? options.ClientId;
        options.ClientSecret = settings["ClientSecret"] ?? options.ClientSecret;
        options.BackchannelAddress = settings["BackchannelAddress"] is { Length: > 0 } address ? address : options.BackchannelAddress;
        options.PublicAddress = settings["PublicAddress"] is { Length: > 0 } outside ? outside : options.PublicAddress;
        options.AllowInsecureHttp = ReadSwitch(settings, "AllowInsecureHttp", options.AllowInsecureHttp, options);
        options.RequireDpopNonce = ReadSwitch(settings, "RequireDpopNonce", options.RequireDpopNonce, options);
        options.ClockSkew = ReadSeconds(settings["ClockSkew"], section + ":ClockSkew", "0 to 60", options.ClockSkew, options);
        options.MaxStaleness = ReadSeconds(configuration[MaxStaleness], MaxStaleness, "1 to 3600", options.MaxStaleness, options);
    }

    private static bool ReadSwitch(IConfigurationSection settings, string name, bool otherwise, IdentityServerTokensOptions options)
    {
        var text = settings[name];
        if (string.IsNullOrEmpty(text))
            return otherwise;
        if (bool.TryParse(text, out var value))
            return value;
        options.Faults.Add($"{settings.Path}:{name} is \"{text}\"; it may be true or false.");
        return false;
    }

    private static TimeSpan ReadSeconds(string? text, string name, string range, TimeSpan otherwise, IdentityServerTokensOptions options)
    {
        if (string.IsNullOrEmpty(text))
            return otherwise;
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds))
            return TimeSpan.FromSeconds(seconds);
        options.Faults.Add($"{name} is \"{text}\"; it may be a whole number of seconds, {range}.");
        return otherwise;
    }
}
