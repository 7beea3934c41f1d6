using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Protocol.ClientDescriptions;

namespace IdentityServer.Manifest;

/// <summary>
/// The manifest as JSON Schema (draft 2020-12), made of the same lists of members that the reader knows, for editors. What it
/// can't say, such as how members fit together, is checked when a manifest is applied.
/// </summary>
internal static class ManifestSchema
{
    /// <summary>By which a manifest names its schema; editors read it, and we don't.</summary>
    public const string Name = "$schema";

    /// <summary>The members of the file, as a JSON Schema tells them.</summary>
    public static readonly Dictionary<string, JsonObject> Members = new(StringComparer.Ordinal)
    {
        [Name] = new() { ["type"] = "string" },
        ["authoritative"] = JsonSchema.Flag(),
        ["clients"] = Section(JsonSchema.Entry(ClientSection.Members, "client_id")),
        ["resources"] = Section(JsonSchema.Entry(ResourceSection.Members, "identifier")),
        ["roles"] = Section(JsonSchema.Entry(RoleSection.Members, "name")),
        ["users"] = Section(JsonSchema.Entry(UserSection.Members)),
    };

    public static string Text
    {
        get
        {
            var schema = JsonSchema.Object(Members);
            schema.Insert(0, Name, "https://json-schema.org/draft/2020-12/schema");
            schema.Insert(1, "title", "Manifest of IdentityServer");
            schema.Insert(2, "description", "Clients, resources, roles and users. What is left out stays as it is; null gives a member its default again.");
            using var utf8 = new MemoryStream();
            using (var json = new Utf8JsonWriter(utf8, new() { Indented = true }))
                schema.WriteTo(json);
            return Encoding.UTF8.GetString(utf8.ToArray());
        }
    }

    private static JsonObject Section(JsonObject entry) => new() { ["type"] = "array", ["maxItems"] = ManifestReader.MaximumItems, ["items"] = entry };
}
