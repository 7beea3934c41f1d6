using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Compares the resources with what the manifest says.</summary>
internal static class ResourcePlan
{
    private const string Kind = "resource";

    /// <param name="rows">Become what shall be.</param>
    public static void Add(Plan plan, IReadOnlyList<ManifestResource> resources, Dictionary<string, ResourceRow> rows, bool prune)
    {
        foreach (var resource in resources)
        {
            if (rows.TryGetValue(resource.Identifier, out var row))
            {
                plan.Change(Kind, row, has => Compare(has, resource));
                continue;
            }
            rows.Add(resource.Identifier, row = new ResourceRow { Identifier = resource.Identifier });
            Compare(row, resource).Write();
            plan.Create(Kind, resource.Identifier, row);
        }
        if (!prune)
            return;
        foreach (var row in rows.Values.ExceptBy(resources.Select(resource => resource.Identifier), row => row.Identifier, StringComparer.Ordinal).ToList())
        {
            plan.Remove(Kind, row.Identifier, row);
            rows.Remove(row.Identifier);
        }
    }

    public static Differences Compare(ResourceRow row, ManifestResource resource)
    {
        var differences = new Differences(resource);
        differences.Compare("name", row.Name, resource.Name, name => row.Name = name);
        differences.CompareMembers("scopes", row.Scopes, resource.Scopes, scopes => row.Scopes = scopes);
        differences.Compare("client_id", row.ClientId, resource.ClientId, clientId => row.ClientId = clientId);
        return differences;
    }
}
