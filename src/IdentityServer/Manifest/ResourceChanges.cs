using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Brings the resources to what the manifest says.</summary>
internal static class ResourceChanges
{
    private const string Kind = "resource";

    public static void Apply(AuthDb db, IReadOnlyList<ManifestResource> resources, Dictionary<string, ResourceRow> rows, bool prune, ChangeList changes)
    {
        foreach (var resource in resources)
        {
            if (rows.TryGetValue(resource.Identifier, out var row))
            {
                changes.Changed(Kind, row.Identifier, Change(row, resource));
                continue;
            }
            db.Resources.Add(new ResourceRow { Identifier = resource.Identifier, Name = resource.Name, Scopes = resource.Scopes, ClientId = resource.ClientId });
            changes.Created(Kind, resource.Identifier);
        }
        if (!prune)
            return;
        foreach (var row in rows.Values.ExceptBy(resources.Select(resource => resource.Identifier), row => row.Identifier, StringComparer.Ordinal))
        {
            db.Resources.Remove(row);
            changes.Removed(Kind, row.Identifier);
        }
    }

    private static List<string> Change(ResourceRow row, ManifestResource resource)
    {
        var differs = new Differences();
        differs.Set("name", row.Name, resource.Name, name => row.Name = name);
        differs.SetMembers("scopes", row.Scopes, resource.Scopes, scopes => row.Scopes = scopes);
        differs.Set("client_id", row.ClientId, resource.ClientId, clientId => row.ClientId = clientId);
        return differs.Members;
    }
}
