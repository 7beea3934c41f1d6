using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Clients;
using IdentityServer.Protocol;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Compares the clients with what the manifest says. Secrets that are right already keep their hash: twice is once.</summary>
internal static class ClientPlan
{
    private const string Kind = "client";

    /// <param name="hashes">Of each client's secrets: <see cref="HashesOf"/>.</param>
    public static void Add(Plan plan, IReadOnlyList<ManifestClient> clients, string[][] hashes, Dictionary<string, ClientRow> rows, bool prune)
    {
        for (var i = 0; i < clients.Count; i++)
        {
            var (client, its) = (clients[i], hashes[i]);
            if (!rows.TryGetValue(client.ClientId, out var row))
            {
                plan.Create(Kind, client.ClientId, NewRow(client, its));
                continue;
            }
            if (client.IsDisabled && !row.Disabled)
                plan.EndedClients.Add(row.ClientId);
            plan.Change(Kind, row, has => Compare(has, client, its));
        }
        if (!prune)
            return;
        foreach (var row in rows.Values.Where(row => row.RegisteredAt is null).ExceptBy(clients.Select(client => client.ClientId), row => row.ClientId, StringComparer.Ordinal))
        {
            plan.EndedClients.Add(row.ClientId);
            plan.Remove(Kind, row.ClientId, row);
        }
    }

    /// <summary>For each client the hashes of its secrets: those that it has, where they match. Slow by design, so on all cores.</summary>
    public static string[][] HashesOf(IReadOnlyList<ManifestClient> clients, Dictionary<string, ClientRow> rows, ClientSecrets secrets)
    {
        var hashes = new string[clients.Count][];
        Parallel.For(0, clients.Count, i =>
        {
            var known = rows.GetValueOrDefault(clients[i].ClientId)?.SecretHashes ?? [];
            hashes[i] = clients[i].KeptHashes is { } kept ? (TokenEndpointAuthMethods.HasSecret(clients[i].AuthMethod) ? kept : []) : [.. clients[i].Secrets.Select(secret => known.FirstOrDefault(hash => secrets.IsHashOf(hash, secret)) ?? secrets.Hash(secret))];
        });
        return hashes;
    }

    public static ClientRow NewRow(ManifestClient client, string[] hashes) => new()
    {
        ClientId = client.ClientId,
        Name = client.Name,
        AuthMethod = client.AuthMethod,
        SecretHashes = hashes,
        GrantTypes = client.GrantTypes,
        Scopes = client.Scopes,
        RedirectUris = client.RedirectUris,
        SigningAlgorithm = client.SigningAlgorithm,
        Disabled = client.IsDisabled,
        Metadata = client.Metadata.ToString(),
    };

    public static Differences Compare(ClientRow row, ManifestClient client, string[] hashes)
    {
        var differences = new Differences();
        differences.Compare("client_name", row.Name, client.Name, name => row.Name = name);
        differences.Compare("token_endpoint_auth_method", row.AuthMethod, client.AuthMethod, method => row.AuthMethod = method);
        differences.CompareMembers("client_secret", row.SecretHashes, hashes, all => row.SecretHashes = all);
        differences.CompareMembers("grant_types", row.GrantTypes, client.GrantTypes, grants => row.GrantTypes = grants);
        differences.CompareMembers("scope", row.Scopes, client.Scopes, scopes => row.Scopes = scopes);
        differences.CompareMembers("redirect_uris", row.RedirectUris, client.RedirectUris, uris => row.RedirectUris = uris);
        differences.Compare(ClientSection.SigningAlgorithm, row.SigningAlgorithm, client.SigningAlgorithm, algorithm => row.SigningAlgorithm = algorithm);
        CompareMetadata(differences, row, client.Metadata);
        differences.Compare("disabled", row.Disabled, client.IsDisabled, disabled => row.Disabled = disabled);
        return differences;
    }

    /// <summary>Names the members that differ, and writes the object whole.</summary>
    private static void CompareMetadata(Differences differences, ClientRow row, ClientMetadata shall)
    {
        var (has, want) = (Parts(row.Metadata), Parts(shall.ToString()));
        foreach (var name in has.Keys.Union(want.Keys).Where(name => !JsonNode.DeepEquals(has.GetValueOrDefault(name), want.GetValueOrDefault(name))).Order(StringComparer.Ordinal))
            differences.Add(name, () => row.Metadata = shall.ToString());
    }

    /// <summary>PostgreSQL keeps a <c>jsonb</c> in an order and spacing of its own, that of a <c>jwks</c> too: compared by what it says.</summary>
    private static Dictionary<string, JsonNode> Parts(string json)
    {
        using var document = JsonDocument.Parse(ClientMetadata.Parse(json).ToString());
        return document.RootElement.EnumerateObject().ToDictionary(member => member.Name, member => JsonNode.Parse(member.Value.GetRawText())!);
    }
}
