using System.Text.Json;
using System.Text.Unicode;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.ClientDescriptions;

namespace IdentityServer.Manifest;

/// <summary>
/// Reads a manifest: strict JSON (RFC 8259, no comment, no member twice, none unknown), all that can be checked without
/// the database. Stops at the first mistake.
/// </summary>
internal static class ManifestReader
{
    private const int MaximumLength = 4 * 1024 * 1024;
    public const int MaximumItems = 100_000;

    // The deepest that a sound manifest gets is 4: $.clients[0].scope[0].
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16 };

    /// <param name="setting">What named the file, for the operator; null: the command line.</param>
    /// <param name="shortestSecret">Characters that a client's secret must have.</param>
    public static ManifestDocument Read(string file, Func<string, string?> environment, string? setting = null, int shortestSecret = 1)
    {
        var name = new string([.. file.Select(c => char.IsControl(c) ? '?' : c)]);
        var bytes = BoundedFile.Read(file, MaximumLength, out var why) ?? throw new StartupException(setting is null
            ? $"The manifest {name} {why}."
            : $"The setting {setting} is \"{name}\", which {why}; it must be the path of a manifest, or nothing.");
        try
        {
            var root = new Node(Parse(bytes), "$").Members(ManifestSchema.Members.Keys);
            var secrets = new SecretPlaces(Path.GetDirectoryName(Path.GetFullPath(file))!, environment);
            return new ManifestDocument(
                name,
                Section(root, "clients", node => ClientSection.Read(node, secrets, shortestSecret), client => [("client_id", client.ClientId)]),
                Section(root, "resources", ResourceSection.Read, resource => [("identifier", resource.Identifier)]),
                Section(root, "roles", RoleSection.Read, role => [("name", LoginName.Fold(role.Name))]),
                Section(root, "users", node => UserSection.Read(node, secrets), NamesOf))
            {
                IsAuthoritative = root.Flag("authoritative"),
            };
        }
        catch (JsonMistake mistake)
        {
            throw Refuse(name, mistake);
        }
    }

    public static StartupException Refuse(string name, JsonMistake mistake) =>
        new($"The manifest {name} is not applied: {mistake.Message}", mistake);

    private static JsonElement Parse(byte[] bytes)
    {
        var text = bytes.AsSpan();
        // RFC 8259 §8.1: a byte order mark may be ignored; some editors write one.
        if (text.StartsWith("\uFEFF"u8))
            text = text[3..];
        if (!Utf8.IsValid(text))
            throw new JsonMistake("$", "is not UTF-8.");
        try
        {
            return JsonElement.Parse(text, Strict);
        }
        catch (JsonException malformed)
        {
            // The parser's own words may quote the file, and so a secret.
            throw new JsonMistake("$", $"is not JSON: line {malformed.LineNumber + 1}, byte {malformed.BytePositionInLine + 1}.");
        }
    }

    private static List<T>? Section<T>(NodeObject root, string name, Func<Node, T> read, Func<T, IEnumerable<(string Member, string? Value)>> keys)
    {
        if (root.Find(name) is not { } section)
            return null;
        var items = new List<T>();
        var seen = new Dictionary<(string Member, string Value), string>();
        foreach (var node in section.Items(MaximumItems))
        {
            var item = read(node);
            foreach (var (member, value) in keys(item))
            {
                if (value is not null && !seen.TryAdd((member, value), node.Path))
                    throw new JsonMistake($"{node.Path}.{member}", $"is that of {seen[(member, value)]} already.");
            }
            items.Add(item);
        }
        return items;
    }

    private static IEnumerable<(string, string?)> NamesOf(ManifestUser user) =>
        [("username", user.UserName is null ? null : LoginName.Fold(user.UserName)), ("email", user.Email is null ? null : LoginName.Fold(user.Email))];
}
