using ServiceDefaults.Settings;

namespace IdentityServer.Manifest;

[Section("IdentityServer")]
internal sealed record ManifestSettings : ICheckedSettings
{
    /// <summary>Outside Development: what is shorter is guessed, however slow its hash.</summary>
    public const int SecretLength = 16;

    public const string Name = "IdentityServer:Manifest";

    /// <summary>Applied at each start; null: none. Left out: the built-in one in Development, none elsewhere. Set to nothing: none.</summary>
    [ConfigurationKeyName("Manifest")]
    public string? File { get; set; }

    /// <summary>Whether it is that of a development machine, whose passwords are no secrets.</summary>
    public bool IsBuiltIn { get; private set; }

    /// <summary>Characters that a client's secret must have.</summary>
    public int ShortestSecret { get; private set; }

    public void Check(SettingsReader settings)
    {
        var isDevelopment = settings.Environment.IsDevelopment();
        ShortestSecret = isDevelopment ? 1 : SecretLength;
        if (File is not null)
        {
            File = File.Contains('\0', StringComparison.Ordinal)
                ? throw SettingsReader.Impossible(Name, File, "the path of a manifest")
                : Path.GetFullPath(File, settings.Environment.ContentRootPath);
            return;
        }
        var builtIn = Path.Combine(AppContext.BaseDirectory, "manifest.development.json");
        IsBuiltIn = isDevelopment && settings.Configuration[Name] is null && System.IO.File.Exists(builtIn);
        File = IsBuiltIn ? builtIn : null;
    }
}
