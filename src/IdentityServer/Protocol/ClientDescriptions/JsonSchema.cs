using System.Text.Json.Nodes;

namespace IdentityServer.Protocol.ClientDescriptions;

/// <summary>The words of JSON Schema (draft 2020-12) for what <see cref="Node"/> reads.</summary>
internal static class JsonSchema
{
    public static JsonObject Text(int maximum) => new() { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = maximum };

    public static JsonObject Uri() => new() { ["type"] = "string", ["format"] = "uri", ["maxLength"] = 2000 };

    public static JsonObject OneOf(params string[] may) => new() { ["type"] = "string", ["enum"] = Array(may) };

    public static JsonObject Flag() => new() { ["type"] = "boolean" };

    public static JsonObject Number(int minimum, int maximum) => new() { ["type"] = "integer", ["minimum"] = minimum, ["maximum"] = maximum };

    public static JsonObject Set(int maximum, JsonObject item) => new() { ["type"] = "array", ["maxItems"] = maximum, ["uniqueItems"] = true, ["items"] = item };

    public static JsonObject OneOrMore(int maximum, JsonObject item) =>
        new() { ["anyOf"] = new JsonArray(item, new JsonObject { ["type"] = "array", ["minItems"] = 1, ["maxItems"] = maximum, ["items"] = item.DeepClone() }) };

    public static JsonObject Object(IEnumerable<KeyValuePair<string, JsonObject>> members, params string[] required)
    {
        var schema = new JsonObject { ["type"] = "object", ["additionalProperties"] = false };
        if (required.Length > 0)
            schema["required"] = Array(required);
        schema["properties"] = new JsonObject(members.Select(member => KeyValuePair.Create(member.Key, (JsonNode?)member.Value.DeepClone())));
        return schema;
    }

    /// <summary>An entry of a manifest: null resets each member that is not required.</summary>
    public static JsonObject Entry(IEnumerable<KeyValuePair<string, JsonObject>> members, params string[] required) =>
        Object(members.Select(member => required.Contains(member.Key) ? member : KeyValuePair.Create(member.Key, OrNull(member.Value))), required);

    private static JsonObject OrNull(JsonObject schema) => new() { ["anyOf"] = new JsonArray(schema.DeepClone(), new JsonObject { ["type"] = "null" }) };

    private static JsonArray Array(string[] texts) => new([.. texts.Select(text => (JsonNode?)text)]);
}
