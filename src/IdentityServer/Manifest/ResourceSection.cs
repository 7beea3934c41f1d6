using System.Text.Json.Nodes;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientDescriptions;

namespace IdentityServer.Manifest;

/// <summary>An API that accepts our tokens. Its identifier is their audience (RFC 8707 §2).</summary>
internal static class ResourceSection
{
    /// <summary>The members, as a JSON Schema tells them.</summary>
    public static readonly Dictionary<string, JsonObject> Members = new(StringComparer.Ordinal)
    {
        ["identifier"] = JsonSchema.Uri(),
        ["name"] = JsonSchema.Text(200),
        ["scopes"] = JsonSchema.Set(ScopeSet.MaximumCount, JsonSchema.Text(ScopeSet.MaximumTokenLength)),
        ["client_id"] = JsonSchema.Text(100),
    };

    public static ManifestResource Read(Node node)
    {
        var resource = node.Entry(Members.Keys);
        return new ManifestResource(
            resource.Path,
            resource.Require("identifier").AbsoluteUri(),
            resource.Text("name", 200),
            resource.Set("scopes", ScopeSet.MaximumCount, ReadScope) ?? [],
            resource.Text("client_id", 100))
        {
            Said = MemberMark.OfEach(resource, "identifier"),
        };
    }

    private static string ReadScope(Node node)
    {
        var scope = node.Text(ScopeSet.MaximumTokenLength);
        if (!ScopeSet.IsToken(scope))
            throw node.Mistake("must be visible ASCII characters but \" and \\ (RFC 6749 §3.3).");
        return !Scopes.AboutUsers.Contains(scope) ? scope : throw node.Mistake($"is {scope}, which is the server's own.");
    }
}
