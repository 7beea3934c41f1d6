using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ServiceDefaults.Settings;

namespace IdentityServer.Keys;

/// <summary>The certificate that encrypts the key ring: without it a database dump reveals no keys.</summary>
internal static class ProtectionCertificate
{
    public static X509Certificate2 Load(CertificateFile file, TimeProvider timeProvider)
    {
        if (!File.Exists(file.Path))
        {
            if (!file.MayCreate)
                throw SettingsReader.Impossible(file.Setting, file.Path, "the path of an existing PKCS#12 file");
            Create(file, timeProvider);
        }
        try
        {
            // In memory only, if the platform allows: macOS keeps private keys in keychains.
            var storage = OperatingSystem.IsMacOS() ? X509KeyStorageFlags.DefaultKeySet : X509KeyStorageFlags.EphemeralKeySet;
            var certificate = X509CertificateLoader.LoadPkcs12FromFile(file.Path, file.Password, storage);
            return certificate.GetRSAPrivateKey() is not null
                ? certificate
                : throw SettingsReader.Impossible(file.Setting, file.Path, "a PKCS#12 file that holds an RSA private key");
        }
        catch (Exception unreadable) when (unreadable is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The setting {file.Setting} is \"{file.Path}\"; it must be a readable PKCS#12 file that {file.Setting.Replace("Path", "Password", StringComparison.Ordinal)} opens.", unreadable);
        }
    }

    private static void Create(CertificateFile file, TimeProvider timeProvider)
    {
        try
        {
            var folder = Path.GetDirectoryName(file.Path)!;
            Directory.CreateDirectory(folder);
            using var key = RSA.Create(3072);
            var request = new CertificateRequest("CN=IdentityServer data protection (development)", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            var now = timeProvider.GetUtcNow();
            using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10));

            var draft = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
            var mine = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                mine.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var stream = new FileStream(draft, mine))
                stream.Write(certificate.Export(X509ContentType.Pkcs12, file.Password));
            // If two nodes start at once, one wins and both read the winner's file.
            try
            {
                File.Move(draft, file.Path, overwrite: false);
            }
            catch (IOException) when (File.Exists(file.Path))
            {
                File.Delete(draft);
            }
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The development certificate can't be written to {file.Path}: {unwritable.Message} Choose another place with {DataProtectionSettings.Name}.", unwritable);
        }
    }
}
