using System.Text.Json;

namespace IdentityServer.Manifest;

/// <summary>A value of the file and its JSON path. Each reading takes one type within limits, or names the mistake.</summary>
internal readonly record struct Node(JsonElement Value, string Path)
{
    public ManifestMistake Mistake(string what) => new(Path, what);

    /// <summary>The members, of which each must be known and stand once.</summary>
    public NodeObject Members(params string[] known)
    {
        Require(JsonValueKind.Object, "an object");
        var members = new Dictionary<string, Node>(StringComparer.Ordinal);
        foreach (var property in Value.EnumerateObject())
        {
            var name = NameOf(property);
            var path = Child(name);
            if (!known.Contains(name, StringComparer.Ordinal))
                throw new ManifestMistake(path, $"is unknown; what may stand here is {string.Join(", ", known)}.");
            if (!members.TryAdd(name, new Node(property.Value, path)))
                throw new ManifestMistake(path, "stands twice.");
        }
        return new NodeObject(this, members, members);
    }

    /// <summary>The same of an entry, where a member that is null is one that shall have its default again.</summary>
    public NodeObject Entry(params string[] known) => Members(known).WithNullsLeftOut();

    public Node[] Items(int maximum)
    {
        Require(JsonValueKind.Array, "an array");
        if (Value.GetArrayLength() > maximum)
            throw Mistake($"has {Value.GetArrayLength()} members; it may have {maximum}.");
        var path = Path;
        return [.. Value.EnumerateArray().Select((item, index) => new Node(item, $"{path}[{index}]"))];
    }

    /// <summary>One or more strings: either one, or an array of them.</summary>
    public Node[] OneOrMore(int maximum, string what)
    {
        if (Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
            throw Mistake($"is {Kind}; it must be {what}, or an array of such.");
        var items = Value.ValueKind == JsonValueKind.Array ? Items(maximum) : [this];
        return items.Length > 0 ? items : throw Mistake($"is empty; it must hold at least {what}.");
    }

    /// <summary>A line of text: 1 to <paramref name="maximum"/> characters, none of them a control character.</summary>
    public string Text(int maximum)
    {
        var text = Raw(maximum);
        if (text.Any(char.IsControl))
            throw Mistake("holds a control character.");
        return text;
    }

    /// <summary>Any well-formed text of 1 to <paramref name="maximum"/> characters, which is never repeated in a message.</summary>
    public string Raw(int maximum)
    {
        Require(JsonValueKind.String, "a string");
        var text = "";
        try
        {
            text = Value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Mistake("holds half a surrogate pair, which is no character.");
        }
        if (text.Length == 0)
            throw Mistake("is empty.");
        return text.Length <= maximum ? text : throw Mistake($"has {text.Length} characters; it may have {maximum}.");
    }

    public string OneOf(params string[] may)
    {
        var text = Text(200);
        return may.Contains(text, StringComparer.Ordinal) ? text : throw Mistake($"is \"{text}\"; it must be one of {string.Join(", ", may)}.");
    }

    public bool Flag() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False
        ? Value.GetBoolean()
        : throw Mistake($"is {Kind}; it must be true or false.");

    public int Number(int minimum, int maximum) => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number >= minimum && number <= maximum
        ? number
        : throw Mistake($"must be a whole number from {minimum} to {maximum}.");

    /// <summary>An absolute URI without a fragment, as it is written (RFC 6749 §3.1.2, RFC 8707 §2).</summary>
    public string AbsoluteUri()
    {
        const string may = "it must be an absolute URI without a fragment.";
        var text = Text(2000);
        // .NET takes a path for a file's address; RFC 3986 §4.3 asks for a scheme.
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var hasScheme = colon > 0 && char.IsAsciiLetter(text[0]) && text.AsSpan(0, colon).IndexOfAnyExcept(SchemeCharacters) < 0;
        if (!hasScheme || text.Any(char.IsWhiteSpace) || text.Contains('#', StringComparison.Ordinal) || !Uri.TryCreate(text, UriKind.Absolute, out _))
            throw Mistake($"is \"{text}\"; {may}");
        return text;
    }

    private void Require(JsonValueKind kind, string what)
    {
        if (Value.ValueKind != kind)
            throw Mistake($"is {Kind}; it must be {what}.");
    }

    private string Kind => Value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    private string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            throw Mistake("has a member whose name holds half a surrogate pair, which is no character.");
        }
    }

    /// <summary>RFC 9535 §2.3: <c>.name</c> where the name is plain, else <c>["name"]</c>; cut, so that a message stays a line.</summary>
    private string Child(string name)
    {
        if (name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
            return $"{Path}.{name}";
        var shown = new string([.. name.Take(64).Select(c => c is < ' ' or > '~' or '"' or '\\' ? '?' : c)]);
        return $"{Path}[\"{shown}\"]";
    }

    private static readonly System.Buffers.SearchValues<char> SchemeCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
}

/// <summary>An object whose members are all known.</summary>
internal sealed class NodeObject(Node node, Dictionary<string, Node> members, Dictionary<string, Node> written)
{
    public string Path => node.Path;

    public Node? Find(string name) => members.TryGetValue(name, out var member) ? member : null;

    public Node Require(string name) => Find(name) ?? throw Missing(name, "");

    public ManifestMistake Missing(string name, string why) => new($"{Path}.{name}", $"is missing{why}.");

    public string? Text(string name, int maximum) => Find(name)?.Text(maximum);

    public bool Flag(string name) => Find(name)?.Flag() ?? false;

    /// <summary>The members that are written, null or not, each with the mark of its value.</summary>
    public Dictionary<string, string> Marks(params string[] but) => written
        .ExceptBy(but, member => member.Key, StringComparer.Ordinal)
        .ToDictionary(member => member.Key, member => MemberMark.Of(member.Key, member.Value.Value), StringComparer.Ordinal);

    public string Mark(string name) => MemberMark.Of(name, written[name].Value);

    public bool IsWritten(string name) => written.ContainsKey(name);

    public NodeObject WithNullsLeftOut() =>
        new(node, members.Where(member => member.Value.Value.ValueKind != JsonValueKind.Null).ToDictionary(StringComparer.Ordinal), written);

    /// <summary>The members of an array, each once; null when it is left out.</summary>
    public string[]? Set(string name, int maximum, Func<Node, string> read)
    {
        if (Find(name) is not { } array)
            return null;
        var values = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in array.Items(maximum))
        {
            if (!values.Add(read(item)))
                throw item.Mistake("is named twice.");
        }
        return [.. values];
    }
}
