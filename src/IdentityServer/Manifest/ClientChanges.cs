using IdentityServer.Passwords;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Brings the clients to what the manifest says. Secrets that are right already keep their hash: twice is once.</summary>
internal sealed class ClientChanges(AuthDb db, ClientSecrets hashing, ChangeList changes)
{
    private const string Kind = "client";

    /// <returns>The clients that were switched off or removed: what they were given must end.</returns>
    public List<string> Apply(IReadOnlyList<ManifestClient> clients, Dictionary<string, ClientRow> rows, bool prune)
    {
        var ended = new List<string>();
        var hashes = HashesOf(clients, rows);
        for (var i = 0; i < clients.Count; i++)
        {
            if (!rows.TryGetValue(clients[i].ClientId, out var row))
            {
                Create(clients[i], hashes[i]);
                continue;
            }
            if (clients[i].IsDisabled && !row.Disabled)
                ended.Add(row.ClientId);
            Change(row, clients[i], hashes[i]);
        }
        if (prune)
        {
            foreach (var row in rows.Values.ExceptBy(clients.Select(client => client.ClientId), row => row.ClientId, StringComparer.Ordinal))
            {
                db.Clients.Remove(row);
                changes.Removed(Kind, row.ClientId);
                ended.Add(row.ClientId);
            }
        }
        return ended;
    }

    /// <summary>For each client the hashes of its secrets: those that it has, where they match. Slow by design, so on all cores.</summary>
    private string[][] HashesOf(IReadOnlyList<ManifestClient> clients, Dictionary<string, ClientRow> rows)
    {
        var hashes = new string[clients.Count][];
        Parallel.For(0, clients.Count, i =>
        {
            var known = rows.GetValueOrDefault(clients[i].ClientId)?.SecretHashes ?? [];
            hashes[i] = [.. clients[i].Secrets.Select(secret => known.FirstOrDefault(hash => hashing.IsHashOf(hash, secret)) ?? hashing.Hash(secret))];
        });
        return hashes;
    }

    private void Create(ManifestClient client, string[] hashes)
    {
        db.Clients.Add(new ClientRow
        {
            ClientId = client.ClientId,
            Name = client.Name,
            AuthMethod = client.AuthMethod,
            SecretHashes = hashes,
            GrantTypes = client.GrantTypes,
            Scopes = client.Scopes,
            RedirectUris = client.RedirectUris,
            Disabled = client.IsDisabled,
        });
        changes.Created(Kind, client.ClientId);
    }

    private void Change(ClientRow row, ManifestClient client, string[] hashes)
    {
        var differs = new Differences();
        differs.Set("client_name", row.Name, client.Name, name => row.Name = name);
        differs.Set("token_endpoint_auth_method", row.AuthMethod, client.AuthMethod, method => row.AuthMethod = method);
        differs.SetMembers("client_secret", row.SecretHashes, hashes, all => row.SecretHashes = all);
        differs.SetMembers("grant_types", row.GrantTypes, client.GrantTypes, grants => row.GrantTypes = grants);
        differs.SetMembers("scope", row.Scopes, client.Scopes, scopes => row.Scopes = scopes);
        differs.SetMembers("redirect_uris", row.RedirectUris, client.RedirectUris, uris => row.RedirectUris = uris);
        differs.Set("disabled", row.Disabled, client.IsDisabled, disabled => row.Disabled = disabled);
        changes.Changed(Kind, row.ClientId, differs.Members);
    }
}
