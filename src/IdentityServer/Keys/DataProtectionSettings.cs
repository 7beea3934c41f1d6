using LocalPostgres;
using ServiceDefaults.Settings;

namespace IdentityServer.Keys;

// A class: the text of a record would show the passwords.
[Section("DataProtection")]
internal sealed class DataProtectionSettings : ICheckedSettings
{
    public const string Name = "DataProtection:CertificatePath";
    public const string PreviousName = "DataProtection:PreviousCertificatePath";

    public string? CertificatePath { get; init; }
    public string? CertificatePassword { get; init; }
    public string? PreviousCertificatePath { get; init; }
    public string? PreviousCertificatePassword { get; init; }

    /// <summary>Encrypts the key ring in the database. Development makes it at first start; Production requires it.</summary>
    public CertificateFile Certificate { get; private set; } = null!;

    /// <summary>Opens what an older certificate encrypted, while one is replaced; null: nothing else opens it.</summary>
    public CertificateFile? Previous { get; private set; }

    public void Check(SettingsReader settings)
    {
        var (isProduction, contentRoot) = (settings.Environment.IsProduction(), settings.Environment.ContentRootPath);
        if (CertificatePath is null && isProduction)
            throw SettingsReader.Missing(Name, "the path of a PKCS#12 file with an RSA key, which protects the keys in the database");
        Certificate = new(
            Name,
            CertificatePath is null ? Path.Combine(Checkout.RootFor(contentRoot), "certs", "data-protection.pfx") : Path.GetFullPath(CertificatePath, contentRoot),
            CertificatePassword,
            MayCreate: !isProduction);
        if (PreviousCertificatePath is not null)
            Previous = new(PreviousName, Path.GetFullPath(PreviousCertificatePath, contentRoot), PreviousCertificatePassword, MayCreate: false);
    }
}

/// <summary>A PKCS#12 file with an RSA key.</summary>
/// <param name="Setting">The setting that names it.</param>
internal sealed record CertificateFile(string Setting, string Path, string? Password, bool MayCreate)
{
    /// <summary>Without the password, which the text of a record would show.</summary>
    public override string ToString() => Path;
}
