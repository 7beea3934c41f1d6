using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Xml.Linq;
using Hosting;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Npgsql;

namespace IdentityServer.Protection;

/// <summary>
/// Encrypts the key ring anew with the certificate of today, so that the previous one is needed no more. The keys
/// themselves stay: nobody is signed out, and running nodes, which have them in memory, notice nothing.
/// </summary>
internal sealed class KeyRingRewrap(IServiceProvider services, X509Certificate2 certificate)
{
    /// <returns>How many keys were encrypted anew: all of them, or it throws and none is.</returns>
    public async Task<int> RunAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var elements = new List<(string Name, XElement Element)>();
        await using (var command = new NpgsqlCommand("SELECT friendly_name, xml FROM data_protection_keys FOR UPDATE", connection))
        await using (var row = await command.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
                elements.Add((row.GetString(0), XElement.Parse(row.GetString(1))));
        }

        var count = 0;
        foreach (var (name, element) in elements)
        {
            // A revocation is an element of the ring, too, and has no secret.
            var secrets = element.Descendants().Where(part => part.Name.LocalName == "encryptedSecret").ToList();
            foreach (var secret in secrets)
                Rewrap(secret, name);
            if (secrets.Count == 0)
                continue;
            await using var write = new NpgsqlCommand("UPDATE data_protection_keys SET xml = $2 WHERE friendly_name = $1", connection)
            {
                Parameters = { new() { Value = name }, new() { Value = element.ToString(SaveOptions.DisableFormatting) } },
            };
            count += await write.ExecuteNonQueryAsync(cancellation);
        }
        await transaction.CommitAsync(cancellation);
        return count;
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
            throw new StartupException($"The key {name} of the ring can't be opened, neither with DataProtection:CertificatePath nor with DataProtection:PreviousCertificatePath.", neither);
        }
    }
}
