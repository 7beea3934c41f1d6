using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace IdentityServer.Manifest;

/// <param name="Values">Both, as JSON; null where they are secret.</param>
internal sealed record Difference(string Member, string? Values);

/// <summary>What of a row differs from its entry, and how it is written. What the entry leaves out is no difference.</summary>
/// <param name="entry">Null: nothing is left out.</param>
internal sealed class Differences(ManifestEntry? entry = null)
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<Action> _writes = [];

    public List<Difference> Members { get; } = [];

    public void Compare<T>(string member, T has, T shall, Action<T> write)
    {
        if (entry?.Says(member) != false && !EqualityComparer<T>.Default.Equals(has, shall))
            Add(member, Json(has), Json(shall), () => write(shall));
    }

    /// <summary>Of sets: the order is no difference.</summary>
    public void CompareMembers(string member, string[] has, string[] shall, Action<string[]> write)
    {
        if (entry?.Says(member) != false && !AreSame(has, shall))
            Add(member, Json(has), Json(shall), () => write(shall));
    }

    public void Add(string member, JsonNode? has, JsonNode? shall, Action write) => Add(new Difference(member, $"{Text(has)} -> {Text(shall)}"), write);

    public void AddSecret(string member, Action write) => Add(new Difference(member, null), write);

    /// <summary>What goes along with a difference and is none itself.</summary>
    public void Also(Action write) => _writes.Add(write);

    public void Write() => _writes.ForEach(write => write());

    public static bool AreSame(string[] set, string[] other) => set.Length == other.Length && set.ToHashSet(StringComparer.Ordinal).SetEquals(other);

    private void Add(Difference difference, Action write)
    {
        Members.Add(difference);
        _writes.Add(write);
    }

    public static JsonNode? Json(object? value) => value switch
    {
        null => null,
        bool flag => flag,
        int number => number,
        string[] texts => new JsonArray([.. texts.Order(StringComparer.Ordinal).Select(text => (JsonNode?)text)]),
        // An address or a telephone number, and whether it is confirmed.
        (string address, bool isConfirmed) => isConfirmed ? address : $"{address} (not confirmed)",
        (null, bool) => null,
        _ => value.ToString(),
    };

    private static string Text(JsonNode? value) => value?.ToJsonString(Readable) ?? "null";
}
