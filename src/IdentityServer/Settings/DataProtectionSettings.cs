using LocalPostgres;

namespace IdentityServer.Settings;

/// <param name="CertificatePath">A PKCS#12 file with an RSA key, which encrypts the key ring in the database.</param>
/// <param name="MayCreate">Development makes the certificate at first start; Production requires it.</param>
internal sealed record DataProtectionSettings(string CertificatePath, string? CertificatePassword, bool MayCreate)
{
    public const string Name = "DataProtection:CertificatePath";

    public static DataProtectionSettings Read(SettingsReader settings)
    {
        var path = settings.Text(Name);
        if (path is null && settings.IsProduction)
            throw SettingsReader.Missing(Name, "the path of a PKCS#12 file with an RSA key, which protects the keys in the database");
        return new(
            Path.GetFullPath(path ?? Path.Combine("certs", "data-protection.pfx"), path is null ? Checkout.RootFor(settings.ContentRoot) : settings.ContentRoot),
            settings.Text("DataProtection:CertificatePassword"),
            MayCreate: !settings.IsProduction);
    }
}
