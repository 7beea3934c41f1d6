using System.Text.Json.Nodes;
using IdentityServer.Clients;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Compares the clients with what the manifest says. Secrets that are right already keep their hash: twice is once.</summary>
internal static class ClientPlan
{
    private const string Kind = "client";

    /// <param name="rows">Become what shall be.</param>
    public static void Add(Plan plan, IReadOnlyList<ManifestClient> clients, Dictionary<string, ClientRow> rows, bool prune)
    {
        foreach (var client in clients)
        {
            if (!rows.TryGetValue(client.ClientId, out var row))
            {
                rows.Add(client.ClientId, row = NewRow(client));
                plan.Create(Kind, client.ClientId, row);
                continue;
            }
            if (client.IsDisabled && client.Says("disabled") && !row.Disabled)
                plan.EndedClients.Add(row.ClientId);
            plan.Change(Kind, row, has => Compare(has, client));
        }
        if (!prune)
            return;
        foreach (var row in rows.Values.Where(row => row.RegisteredAt is null).ExceptBy(clients.Select(client => client.ClientId), row => row.ClientId, StringComparer.Ordinal).ToList())
        {
            plan.EndedClients.Add(row.ClientId);
            plan.Remove(Kind, row.ClientId, row);
            rows.Remove(row.ClientId);
        }
    }

    /// <summary>
    /// The clients with the hashes of the secrets that they say: those that the client has, where they match. The mark of secrets is
    /// their hashes, or the mark that is remembered if it is of the same secrets. Slow by design, so on all cores.
    /// </summary>
    public static IReadOnlyList<ManifestClient>? WithHashes(IReadOnlyList<ManifestClient>? clients, Dictionary<string, ClientRow> rows, Remembered remembered, ClientSecrets secrets)
    {
        var hashed = clients?.ToArray();
        Parallel.For(0, hashed?.Length ?? 0, i => hashed![i] = hashed[i].Says(ClientSection.Secret) ? Hash(hashed[i]) : hashed[i]);
        return hashed;

        ManifestClient Hash(ManifestClient client)
        {
            var marks = remembered.Of(client).MarksOf(ClientSection.Secret).Select(mark => (Text: mark, Hashes: mark.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();
            var known = rows.GetValueOrDefault(client.ClientId)?.SecretHashes ?? [];
            var hashes = client.Secrets.Select(secret => known.FirstOrDefault(hash => secrets.IsHashOf(hash, secret)) ?? secrets.Hash(secret)).ToArray();
            var same = marks.Find(mark => mark.Hashes.Length == hashes.Length
                && client.Secrets.Zip(hashes).All(one => mark.Hashes.Any(hash => hash == one.Second || secrets.IsHashOf(hash, one.First))));
            return client with { Hashes = hashes, Said = new Dictionary<string, string>(client.Said, StringComparer.Ordinal) { [ClientSection.Secret] = same.Text ?? string.Join(' ', hashes) } };
        }
    }

    public static ClientRow NewRow(ManifestClient client)
    {
        var row = new ClientRow { ClientId = client.ClientId, AuthMethod = TokenEndpointAuthMethods.ClientSecretBasic, GrantTypes = client.GrantTypes };
        Compare(row, client).Write();
        return row;
    }

    public static Differences Compare(ClientRow row, ManifestClient client)
    {
        var differences = new Differences(client);
        differences.Compare("client_name", row.Name, client.Name, name => row.Name = name);
        differences.Compare("token_endpoint_auth_method", row.AuthMethod, client.AuthMethod, method => row.AuthMethod = method);
        // A client whose method becomes one without a secret loses its secrets, said or not.
        var losesSecrets = client.Says("token_endpoint_auth_method") && !TokenEndpointAuthMethods.HasSecret(client.AuthMethod);
        var hashes = client.Says(ClientSection.Secret) ? client.Hashes : losesSecrets ? [] : row.SecretHashes;
        if (!Differences.AreSame(row.SecretHashes, hashes))
            differences.AddSecret(ClientSection.Secret, () => row.SecretHashes = hashes);
        var grantTypes = client.Resets("grant_types") ? Speaker.Operator.DefaultGrantTypes(client.Says("redirect_uris") ? client.RedirectUris : row.RedirectUris) : client.GrantTypes;
        differences.CompareMembers("grant_types", row.GrantTypes, grantTypes, grants => row.GrantTypes = grants);
        differences.CompareMembers("scope", row.Scopes, client.Scopes, scopes => row.Scopes = scopes);
        differences.CompareMembers("redirect_uris", row.RedirectUris, client.RedirectUris, uris => row.RedirectUris = uris);
        differences.Compare(ClientSection.SigningAlgorithm, row.SigningAlgorithm, client.SigningAlgorithm, algorithm => row.SigningAlgorithm = algorithm);
        CompareMetadata(differences, row, client);
        differences.Compare("disabled", row.Disabled, client.IsDisabled, disabled => row.Disabled = disabled);
        return differences;
    }

    /// <summary>Names the members that differ, and writes the object whole: PostgreSQL keeps a <c>jsonb</c> in an order and spacing of its own.</summary>
    private static void CompareMetadata(Differences differences, ClientRow row, ManifestClient client)
    {
        var (shall, said) = (Parse(row.Metadata), Parse(client.Metadata.ToString()));
        foreach (var name in ClientMembers.OfMetadata.Where(client.Says).Order(StringComparer.Ordinal))
        {
            var (has, wanted) = (shall[name], said[name]?.DeepClone());
            if (JsonNode.DeepEquals(has, wanted))
                continue;
            differences.Add(name, has, wanted, () => row.Metadata = shall.ToJsonString());
            if (wanted is null)
                shall.Remove(name);
            else
                shall[name] = wanted;
        }
    }

    private static JsonObject Parse(string metadata) => JsonNode.Parse(ClientMetadata.Parse(metadata).ToString())!.AsObject();
}
