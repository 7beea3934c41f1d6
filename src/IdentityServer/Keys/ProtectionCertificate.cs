using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Hosting;
using IdentityServer.Settings;

namespace IdentityServer.Keys;

/// <summary>The certificate that encrypts the key ring: without it a database dump reveals no keys.</summary>
internal static class ProtectionCertificate
{
    public static X509Certificate2 Load(DataProtectionSettings settings, TimeProvider time)
    {
        if (!File.Exists(settings.CertificatePath))
        {
            if (!settings.MayCreate)
                throw SettingsReader.Impossible(settings.PathSetting, settings.CertificatePath, "the path of an existing PKCS#12 file");
            Create(settings, time);
        }
        try
        {
            // In memory only, if the platform allows: macOS keeps private keys in keychains.
            var storage = OperatingSystem.IsMacOS() ? X509KeyStorageFlags.DefaultKeySet : X509KeyStorageFlags.EphemeralKeySet;
            var certificate = X509CertificateLoader.LoadPkcs12FromFile(settings.CertificatePath, settings.CertificatePassword, storage);
            return certificate.GetRSAPrivateKey() is not null
                ? certificate
                : throw SettingsReader.Impossible(settings.PathSetting, settings.CertificatePath, "a PKCS#12 file that holds an RSA private key");
        }
        catch (Exception unreadable) when (unreadable is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The setting {settings.PathSetting} is \"{settings.CertificatePath}\"; it must be a readable PKCS#12 file that {settings.PasswordSetting} opens.", unreadable);
        }
    }

    private static void Create(DataProtectionSettings settings, TimeProvider time)
    {
        try
        {
            var folder = Path.GetDirectoryName(settings.CertificatePath)!;
            Directory.CreateDirectory(folder);
            using var key = RSA.Create(3072);
            var request = new CertificateRequest("CN=IdentityServer data protection (development)", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            var now = time.GetUtcNow();
            using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10));

            var draft = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
            var mine = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                mine.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(draft, mine))
                file.Write(certificate.Export(X509ContentType.Pkcs12, settings.CertificatePassword));
            // If two nodes start at once, one wins and both read the winner's file.
            try
            {
                File.Move(draft, settings.CertificatePath, overwrite: false);
            }
            catch (IOException) when (File.Exists(settings.CertificatePath))
            {
                File.Delete(draft);
            }
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The development certificate can't be written to {settings.CertificatePath}: {unwritable.Message} Choose another place with {DataProtectionSettings.Name}.", unwritable);
        }
    }
}
