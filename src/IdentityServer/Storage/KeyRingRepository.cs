using System.Security.Cryptography;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Npgsql;

namespace IdentityServer.Storage;

/// <summary>
/// Keeps the Data Protection key ring in the database, where all nodes find it. (The EF Core package for this is not on
/// the feed that this project builds on.) The interface is synchronous and is called a few times a day.
/// </summary>
/// <param name="isForeign">Whether the ring is another certificate's. Asked late: it reads the ring by this very repository.</param>
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
    /// The ring is another certificate's. The keys were replaced while this node ran, with a certificate that it doesn't have:
    /// its own, lost or stolen, must protect nothing any more.
    /// </exception>
    public void StoreElement(XElement element, string friendlyName)
    {
        if (isForeign())
            throw new CryptographicException("The key ring holds keys of another certificate only, and so none is added.");
        using var command = source.CreateCommand(
            "INSERT INTO data_protection_keys (friendly_name, xml) VALUES ($1, $2) ON CONFLICT (friendly_name) DO UPDATE SET xml = excluded.xml");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = friendlyName });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = element.ToString(SaveOptions.DisableFormatting) });
        command.ExecuteNonQuery();
    }

    /// <summary>Within one transaction: gives each element to <paramref name="rewrite"/> and stores what comes back; null leaves it.</summary>
    /// <param name="rewrite">Takes the element's name and itself.</param>
    /// <returns>How many were stored: all of them, or it throws and none is.</returns>
    public static async Task<int> RewriteAsync(NpgsqlConnection connection, Func<string, XElement, XElement?> rewrite, CancellationToken cancellation)
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
            if (rewrite(name, element) is not { } rewritten)
                continue;
            await using var write = new NpgsqlCommand("UPDATE data_protection_keys SET xml = $2 WHERE friendly_name = $1", connection)
            {
                Parameters = { new() { Value = name }, new() { Value = rewritten.ToString(SaveOptions.DisableFormatting) } },
            };
            count += await write.ExecuteNonQueryAsync(cancellation);
        }
        await transaction.CommitAsync(cancellation);
        return count;
    }

    public static async Task DeleteAllAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("DELETE FROM data_protection_keys", connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
