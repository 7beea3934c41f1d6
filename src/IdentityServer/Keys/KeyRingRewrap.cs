using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;

namespace IdentityServer.Keys;

/// <summary>
/// Encrypts the key ring with the current certificate, so that the previous one is no longer needed. The keys
/// themselves stay: nobody is signed out, and running nodes, which have them in memory, notice nothing.
/// </summary>
internal sealed class KeyRingRewrap(IServiceProvider services, X509Certificate2 certificate)
{
    /// <returns>Null: the element has no secret, such as a revocation.</returns>
    public XElement? Rewrap(string name, XElement element)
    {
        var secrets = element.Descendants().Where(part => part.Name.LocalName == "encryptedSecret").ToList();
        foreach (var secret in secrets)
            Rewrap(secret, name);
        return secrets.Count == 0 ? null : element;
    }

    private void Rewrap(XElement secret, string name)
    {
        try
        {
            var plain = new EncryptedXmlDecryptor(services).Decrypt(secret.Elements().Single());
            var encrypted = new CertificateXmlEncryptor(certificate, services.GetRequiredService<ILoggerFactory>()).Encrypt(plain);
            secret.ReplaceNodes(encrypted.EncryptedElement);
            secret.SetAttributeValue("decryptorType", encrypted.DecryptorType.AssemblyQualifiedName);
        }
        catch (CryptographicException neither)
        {
            throw new StartupException($"The key {name} of the ring can't be decrypted, neither with DataProtection:CertificatePath nor with DataProtection:PreviousCertificatePath.", neither);
        }
    }
}
