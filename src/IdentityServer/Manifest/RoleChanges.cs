using IdentityServer.Passwords;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>Brings the roles to what the manifest says. A removed role leaves its members.</summary>
internal static class RoleChanges
{
    private const string Kind = "role";

    public static void Apply(AuthDb db, IReadOnlyList<ManifestRole> roles, Dictionary<string, Role> rows, bool prune, ChangeList changes)
    {
        foreach (var role in roles)
        {
            var folded = LoginName.Fold(role.Name);
            if (rows.TryGetValue(folded, out var row))
            {
                changes.Changed(Kind, role.Name, Change(row, role));
                continue;
            }
            // Users of the same manifest look for it there.
            rows[folded] = row = new Role { Id = Guid.NewGuid(), Name = role.Name, NormalizedName = folded, Permissions = role.Permissions };
            db.Roles.Add(row);
            changes.Created(Kind, role.Name);
        }
        if (!prune)
            return;
        foreach (var (folded, row) in rows.ExceptBy(roles.Select(role => LoginName.Fold(role.Name)), row => row.Key, StringComparer.Ordinal).ToList())
        {
            rows.Remove(folded);
            db.Roles.Remove(row);
            changes.Removed(Kind, row.Name!);
        }
    }

    private static List<string> Change(Role row, ManifestRole role)
    {
        var differs = new Differences();
        differs.Set("name", row.Name, role.Name, name => row.Name = name);
        differs.SetMembers("permissions", row.Permissions, role.Permissions, permissions => row.Permissions = permissions);
        return differs.Members;
    }
}
