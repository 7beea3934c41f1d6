using IdentityServer.Accounts.Passwords;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Compares the roles with what the manifest says. A removed role leaves its members.</summary>
internal static class RolePlan
{
    private const string Kind = "role";

    /// <returns>The ids of all roles that there will be, by folded name.</returns>
    public static Dictionary<string, Guid> Add(Plan plan, IReadOnlyList<ManifestRole> roles, Dictionary<string, Role> rows, bool prune)
    {
        var ids = rows.ToDictionary(row => row.Key, row => row.Value.Id, StringComparer.Ordinal);
        foreach (var role in roles)
        {
            var folded = LoginName.Fold(role.Name);
            if (rows.TryGetValue(folded, out var row))
            {
                plan.Change(Kind, role.Name, row, Compare(row, role));
                continue;
            }
            row = new Role { Id = Guid.NewGuid(), NormalizedName = folded };
            Compare(row, role).Write();
            ids.Add(folded, row.Id);
            plan.Create(Kind, role.Name, row);
        }
        if (!prune)
            return ids;
        foreach (var (folded, row) in rows.ExceptBy(roles.Select(role => LoginName.Fold(role.Name)), row => row.Key, StringComparer.Ordinal))
        {
            ids.Remove(folded);
            plan.Remove(Kind, row.Name!, row);
        }
        return ids;
    }

    public static Differences Compare(Role row, ManifestRole role)
    {
        var differences = new Differences(role);
        differences.Compare("name", row.Name, role.Name, name => row.Name = name);
        differences.CompareMembers("permissions", row.Permissions, role.Permissions, permissions => row.Permissions = permissions);
        return differences;
    }
}
