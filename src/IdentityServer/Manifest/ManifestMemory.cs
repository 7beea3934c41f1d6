using IdentityServer.Passwords;
using Npgsql;

namespace IdentityServer.Manifest;

/// <summary>
/// Remembers which manifest was applied last, so that a start with the same one neither builds EF Core's model nor checks
/// every client's secret again: a second of the start and 30 MB. Kept as a slow hash, since the digest covers secrets.
/// </summary>
internal sealed class ManifestMemory(ClientSecrets secrets)
{
    // Accounts change without the configuration's version, by removal: so they are counted.
    private const string RecallSql =
        """
        SELECT manifest_hash FROM configuration
        WHERE manifest_version = version
          AND (SELECT count(*) FROM users WHERE normalized_user_name = ANY ($1) OR normalized_email = ANY ($1)) >= $2
        """;

    private const string RememberSql = "UPDATE configuration SET manifest_hash = $1, manifest_version = version";

    /// <summary>Whether the configuration is as this manifest left it.</summary>
    public async Task<bool> IsInForceAsync(NpgsqlConnection connection, ManifestDocument manifest, CancellationToken cancellation)
    {
        var users = manifest.Users ?? [];
        await using var command = new NpgsqlCommand(RecallSql, connection)
        {
            Parameters = { new() { Value = users.Select(user => LoginName.Fold(user.Name)).ToArray() }, new() { Value = users.Count } },
        };
        return await command.ExecuteScalarAsync(cancellation) is string hash && secrets.IsHashOf(hash, manifest.Digest);
    }

    public async Task RememberAsync(NpgsqlConnection connection, ManifestDocument manifest, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(RememberSql, connection) { Parameters = { new() { Value = secrets.Hash(manifest.Digest) } } };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
