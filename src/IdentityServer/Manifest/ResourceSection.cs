using IdentityServer.Protocol;

namespace IdentityServer.Manifest;

/// <summary>An API that accepts our tokens. Its identifier is their audience (RFC 8707 §2).</summary>
internal static class ResourceSection
{
    public static ManifestResource Read(Node node)
    {
        var resource = node.Entry("identifier", "name", "scopes", "client_id");
        return new ManifestResource(
            resource.Path,
            resource.Require("identifier").AbsoluteUri(),
            resource.Text("name", 200),
            resource.Set("scopes", ScopeSet.MaximumCount, ReadScope) ?? [],
            resource.Text("client_id", 100))
        {
            Said = resource.Marks("identifier"),
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
