using IdentityServer.Protocol.ClientDescriptions;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace IdentityServer.Manifest;

/// <summary>
/// A short text for the value of a member, by which a later start knows whether the file says the same as before. A hash: what
/// is remembered of an account must not tell about it once the account is gone.
/// </summary>
internal static class MemberMark
{
    /// <summary>Of a member that is null.</summary>
    public const string Reset = "null";

    private static readonly string[] Sets = ["grant_types", "redirect_uris", "scope", "scopes", "permissions", "roles"];

    public static string Of(string member, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => Reset,
        JsonValueKind.String when member == "scope" => Of(string.Join('\n', value.GetString()!.Split(' ').Order(StringComparer.Ordinal))),
        JsonValueKind.Array when Sets.Contains(member) => Of(string.Join('\n', value.EnumerateArray().Select(item => item.GetRawText()).Order(StringComparer.Ordinal))),
        _ => Of(Canonical(value)),
    };

    /// <summary>Of the members that are written, null or not.</summary>
    public static Dictionary<string, string> OfEach(NodeObject entry, params string[] but) => entry.Node.Value.EnumerateObject()
        .Where(member => !but.Contains(member.Name, StringComparer.Ordinal))
        .ToDictionary(member => member.Name, member => Of(member.Name, member.Value), StringComparer.Ordinal);

    public static string Of(NodeObject entry, string name) => Of(name, entry.Node.Value.GetProperty(name));

    public static string Of(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));

    /// <summary>The same for every spacing and order of members.</summary>
    private static string Canonical(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(',', value.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal).Select(member => $"{JsonSerializer.Serialize(member.Name, MarksJson.Default.String)}:{Canonical(member.Value)}"))}}}",
        JsonValueKind.Array => $"[{string.Join(',', value.EnumerateArray().Select(Canonical))}]",
        JsonValueKind.String => JsonSerializer.Serialize(value.GetString(), MarksJson.Default.String),
        _ => value.GetRawText(),
    };
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
[System.Text.Json.Serialization.JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class MarksJson : System.Text.Json.Serialization.JsonSerializerContext;
