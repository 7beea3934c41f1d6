using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Compares the resources with what the manifest says.</summary>
internal static class ResourcePlan
{
    private const string Kind = "resource";

    public static void Add(Plan plan, IReadOnlyList<ManifestResource> resources, Dictionary<string, ResourceRow> rows, bool prune)
    {
        foreach (var resource in resources)
        {
            if (rows.TryGetValue(resource.Identifier, out var row))
                plan.Change(Kind, row, has => Compare(has, resource));
            else
                plan.Create(Kind, resource.Identifier, new ResourceRow { Identifier = resource.Identifier, Name = resource.Name, Scopes = resource.Scopes, ClientId = resource.ClientId });
        }
        if (!prune)
            return;
        foreach (var row in rows.Values.ExceptBy(resources.Select(resource => resource.Identifier), row => row.Identifier, StringComparer.Ordinal))
            plan.Remove(Kind, row.Identifier, row);
    }

    public static Differences Compare(ResourceRow row, ManifestResource resource)
    {
        var differences = new Differences();
        differences.Compare("name", row.Name, resource.Name, name => row.Name = name);
        differences.CompareMembers("scopes", row.Scopes, resource.Scopes, scopes => row.Scopes = scopes);
        differences.Compare("client_id", row.ClientId, resource.ClientId, clientId => row.ClientId = clientId);
        return differences;
    }
}
