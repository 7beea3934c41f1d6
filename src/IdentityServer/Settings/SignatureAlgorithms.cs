using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Settings;

/// <summary>Reads which signature algorithms of clients are taken.</summary>
internal static class SignatureAlgorithms
{
    /// <summary>Those that there are.</summary>
    public static readonly string[] Served = [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSha256];

    /// <summary>A list of some of them, in their order; all when not set.</summary>
    public static string[] Read(SettingsReader settings, string name)
    {
        var listed = settings.List(name);
        if (listed.FirstOrDefault(algorithm => !Served.Contains(algorithm)) is { } wrong)
            throw SettingsReader.Impossible(name, wrong, $"a list of {string.Join(", ", Served)}");
        return listed.Length == 0 ? Served : [.. Served.Where(listed.Contains)];
    }
}
