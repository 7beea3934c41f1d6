using System.Security.Cryptography;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Npgsql;

namespace IdentityServer.Protection;

/// <summary>
/// Keeps the Data Protection key ring in the database, where all nodes find it. (The EF Core package for this is not on
/// the feed that this project builds on.) The interface is synchronous and is called a few times a day.
/// </summary>
/// <param name="check">Asked late: it reads the ring by this very repository.</param>
internal sealed class KeyRingRepository(NpgsqlDataSource source, Func<KeyRingCheck> check) : IXmlRepository
{
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        using var command = source.CreateCommand("SELECT xml FROM data_protection_keys ORDER BY friendly_name");
        using var row = command.ExecuteReader();
        var elements = new List<XElement>();
        while (row.Read())
            elements.Add(XElement.Parse(row.GetString(0)));
        return elements;
    }

    /// <exception cref="CryptographicException">
    /// The ring is another certificate's. The keys were replaced while this node ran, with a certificate that it doesn't have:
    /// its own, lost or stolen, must protect nothing any more.
    /// </exception>
    public void StoreElement(XElement element, string friendlyName)
    {
        if (check().OpensNone())
            throw new CryptographicException("The key ring holds keys of another certificate only, and so none is added.");
        using var command = source.CreateCommand(
            "INSERT INTO data_protection_keys (friendly_name, xml) VALUES ($1, $2) ON CONFLICT (friendly_name) DO UPDATE SET xml = excluded.xml");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = friendlyName });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = element.ToString(SaveOptions.DisableFormatting) });
        command.ExecuteNonQuery();
    }
}
