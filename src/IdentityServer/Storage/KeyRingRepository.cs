using System.Security.Cryptography;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Npgsql;
using static IdentityServer.Storage.Statements;

namespace IdentityServer.Storage;

/// <summary>
/// Keeps the Data Protection key ring in the database, which all nodes share. The interface is synchronous and is called a few
/// times a day. EF Core's package for it adds to whatever ring it finds; this one refuses to add to a ring of another certificate.
/// </summary>
/// <param name="isForeign">Whether the ring belongs to another certificate. A function, because it reads the ring through this repository.</param>
internal sealed class KeyRingRepository(NpgsqlDataSource source, Func<bool> isForeign) : IXmlRepository
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
    /// The ring belongs to another certificate. The keys were replaced while this node was running, and this node does not have the new
    /// certificate. The old one may be lost or stolen, and must protect nothing any more.
    /// </exception>
    public void StoreElement(XElement element, string friendlyName)
    {
        if (isForeign())
            throw new CryptographicException("The key ring holds keys of another certificate only, and so none is added.");
        using var command = source.Command(
            "INSERT INTO data_protection_keys (friendly_name, xml) VALUES ($1, $2) ON CONFLICT (friendly_name) DO UPDATE SET xml = excluded.xml",
            P(friendlyName), P(element.ToString(SaveOptions.DisableFormatting)));
        command.ExecuteNonQuery();
    }

    /// <summary>Rewrites all elements in one transaction.</summary>
    /// <param name="rewrite">Takes the name of an element and the element, and returns the new one; null: leave it as it is.</param>
    /// <returns>The number of elements rewritten. If it throws, none was.</returns>
    public static async Task<int> RewriteAsync(NpgsqlConnection connection, Func<string, XElement, XElement?> rewrite, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var elements = await connection.Command("SELECT friendly_name, xml FROM data_protection_keys FOR UPDATE")
            .ListAsync(row => (Name: row.GetString(0), Element: XElement.Parse(row.GetString(1))), cancellationToken);

        var count = 0;
        foreach (var (name, element) in elements)
        {
            if (rewrite(name, element) is not { } rewritten)
                continue;
            count += await connection.Command(
                "UPDATE data_protection_keys SET xml = $2 WHERE friendly_name = $1", P(name), P(rewritten.ToString(SaveOptions.DisableFormatting))).ExecuteAsync(cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
        return count;
    }

    public static Task DeleteAllAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.Command("DELETE FROM data_protection_keys").ExecuteAsync(cancellationToken);
}
