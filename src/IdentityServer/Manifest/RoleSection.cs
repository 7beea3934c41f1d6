using System.Text.Json.Nodes;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.ClientDescriptions;

namespace IdentityServer.Manifest;

/// <summary>A role and what its members may do: the claims <c>roles</c> and <c>permissions</c>.</summary>
internal static class RoleSection
{
    private const int MaximumNameLength = 100;
    private const int MaximumPermissions = 100;

    /// <summary>The members, as a JSON Schema tells them.</summary>
    public static readonly Dictionary<string, JsonObject> Members = new(StringComparer.Ordinal)
    {
        ["name"] = JsonSchema.Text(MaximumNameLength),
        ["permissions"] = JsonSchema.Set(MaximumPermissions, JsonSchema.Text(MaximumNameLength)),
    };

    public static ManifestRole Read(Node node)
    {
        var role = node.Entry(Members.Keys);
        return new ManifestRole(
            role.Path,
            ReadName(role.Require("name")),
            role.Set("permissions", MaximumPermissions, permission => permission.Text(MaximumNameLength)) ?? [])
        {
            Said = MemberMark.OfEach(role),
        };
    }

    private static string ReadName(Node node)
    {
        var name = node.Text(MaximumNameLength);
        // Folding may lengthen it; the column takes 256.
        return LoginName.Fold(name).Length <= 256 ? name : throw node.Mistake("is too long once it is folded.");
    }
}
