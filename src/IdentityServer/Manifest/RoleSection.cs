using IdentityServer.Accounts.Passwords;

namespace IdentityServer.Manifest;

/// <summary>A role and what its members may do: the claims <c>roles</c> and <c>permissions</c>.</summary>
internal static class RoleSection
{
    private const int MaximumNameLength = 100;
    private const int MaximumPermissions = 100;

    public static ManifestRole Read(Node node)
    {
        var role = node.Entry("name", "permissions");
        return new ManifestRole(
            role.Path,
            ReadName(role.Require("name")),
            role.Set("permissions", MaximumPermissions, permission => permission.Text(MaximumNameLength)) ?? [])
        {
            Said = role.Marks(),
        };
    }

    private static string ReadName(Node node)
    {
        var name = node.Text(MaximumNameLength);
        // Folding may lengthen it; the column takes 256.
        return LoginName.Fold(name).Length <= 256 ? name : throw node.Mistake("is too long once it is folded.");
    }
}
