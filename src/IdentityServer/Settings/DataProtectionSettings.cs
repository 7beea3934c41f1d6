using Hosting;

namespace IdentityServer.Settings;

/// <param name="CertificatePath">A PKCS#12 file with an RSA key, which encrypts the key ring in the database.</param>
/// <param name="Previous">Opens what an older certificate encrypted, while one is replaced; null: nothing else opens it.</param>
/// <param name="MayCreate">Development makes the certificate at first start; Production requires it.</param>
internal sealed record DataProtectionSettings(string CertificatePath, string? CertificatePassword, DataProtectionSettings? Previous, bool MayCreate)
{
    public const string Name = "DataProtection:CertificatePath";
    public const string PreviousName = "DataProtection:PreviousCertificatePath";

    /// <summary>Both settings of one certificate, as messages name them.</summary>
    public string PathSetting { get; private init; } = Name;
    public string PasswordSetting { get; private init; } = "DataProtection:CertificatePassword";

    public static DataProtectionSettings Read(SettingsReader settings)
    {
        var path = settings.Text(Name);
        if (path is null && settings.IsProduction)
            throw SettingsReader.Missing(Name, "the path of a PKCS#12 file with an RSA key, which protects the keys in the database");
        return new(
            Path.GetFullPath(path ?? Path.Combine("certs", "data-protection.pfx"), path is null ? Checkout.RootFor(settings.ContentRoot) : settings.ContentRoot),
            settings.Text("DataProtection:CertificatePassword"),
            ReadPrevious(settings),
            MayCreate: !settings.IsProduction);
    }

    private static DataProtectionSettings? ReadPrevious(SettingsReader settings)
    {
        const string password = "DataProtection:PreviousCertificatePassword";
        return settings.Text(PreviousName) is { } path
            ? new(Path.GetFullPath(path, settings.ContentRoot), settings.Text(password), Previous: null, MayCreate: false) { PathSetting = PreviousName, PasswordSetting = password }
            : null;
    }
}
