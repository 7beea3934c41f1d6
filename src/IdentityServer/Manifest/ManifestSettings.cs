using IdentityServer.Settings;

namespace IdentityServer.Manifest;

/// <param name="File">Applied at each start; null: none.</param>
/// <param name="IsBuiltIn">Whether it is that of a development machine, whose passwords are no secrets.</param>
/// <param name="ShortestSecret">Characters that a client's secret must have.</param>
internal sealed record ManifestSettings(string? File, bool IsBuiltIn, int ShortestSecret)
{
    /// <summary>Outside Development: what is shorter is guessed, however slow its hash.</summary>
    public const int SecretLength = 16;

    public const string Name = "IdentityServer:Manifest";

    /// <summary>Left out: the built-in one in Development, none elsewhere. Set to nothing: none.</summary>
    public static ManifestSettings Read(SettingsReader settings)
    {
        var shortest = settings.IsDevelopment ? 1 : SecretLength;
        if (settings.Text(Name) is { } named)
        {
            return named.Contains('\0', StringComparison.Ordinal)
                ? throw SettingsReader.Impossible(Name, named, "the path of a manifest")
                : new(Path.GetFullPath(named, settings.ContentRoot), IsBuiltIn: false, shortest);
        }
        var builtIn = Path.Combine(AppContext.BaseDirectory, "manifest.development.json");
        var isWanted = settings.IsDevelopment && settings.Configuration[Name] is null && System.IO.File.Exists(builtIn);
        return new(isWanted ? builtIn : null, isWanted, shortest);
    }
}
