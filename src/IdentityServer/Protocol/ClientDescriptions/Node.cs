using System.Text.Json;
using IdentityServer.Accounts.Passwords;

namespace IdentityServer.Protocol.ClientDescriptions;

/// <summary>A value of a JSON text and its path. Each reading takes one type within limits, or names the mistake.</summary>
internal readonly record struct Node(JsonElement Value, string Path)
{
    private const int LongestText = 2000;

    public JsonMistake Mistake(string what) => new(Path, what);

    public JsonMistake Must(string rule, string? saw = null) => JsonMistake.Must(Path, rule, saw);

    /// <summary>The members, of which each must be known and stand once.</summary>
    public NodeObject Members(params IEnumerable<string> known)
    {
        Require(JsonValueKind.Object, "an object");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var property in Value.EnumerateObject())
        {
            var name = NameOf(property);
            if (!known.Contains(name, StringComparer.Ordinal))
                throw new JsonMistake(Child(name), $"is unknown; what may stand here is {string.Join(", ", known)}.");
            if (!seen.Add(name))
                throw new JsonMistake(Child(name), "stands twice.");
        }
        return new NodeObject(this, MayBeNull: true);
    }

    /// <summary>The same of an entry, where a member that is null is one that shall have its default again.</summary>
    public NodeObject Entry(params IEnumerable<string> known) => Members(known) with { MayBeNull = false };

    /// <summary>What is unknown is ignored, and null is left out (RFC 7591 §2).</summary>
    public NodeObject Registration() => new(this, MayBeNull: false);

    public Node[] Items(int maximum)
    {
        Require(JsonValueKind.Array, "an array");
        if (Value.GetArrayLength() > maximum)
            throw Must($"an array of at most {maximum} members", $"has {Value.GetArrayLength()} members");
        var path = Path;
        return [.. Value.EnumerateArray().Select((item, index) => new Node(item, $"{path}[{index}]"))];
    }

    /// <summary>The members of an array, each once.</summary>
    /// <param name="isMerged">What stands there twice is there once, and no mistake.</param>
    public string[] Set(int maximum, Func<Node, string> read, bool isMerged = false)
    {
        var values = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in Items(maximum))
        {
            if (!values.Add(read(item)) && !isMerged)
                throw item.Mistake("is named twice.");
        }
        return [.. values];
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
        return text.Any(char.IsControl) ? throw Must(TextOf(maximum), "holds a control character") : text;
    }

    /// <summary>Null: it is no such line.</summary>
    public string? TryText(int maximum)
    {
        try
        {
            return Text(maximum);
        }
        catch (JsonMistake)
        {
            return null;
        }
    }

    /// <summary>What people read: a sign of direction within could turn the sentence around it.</summary>
    public string Line(int maximum) => Text(maximum) is var text && NameRules.IsLine(text, maximum) ? text : throw Must($"1 to {maximum} visible characters");

    /// <summary>Any well-formed text of 1 to <paramref name="maximum"/> characters, which is never repeated in a message.</summary>
    public string Raw(int maximum)
    {
        if (Value.ValueKind != JsonValueKind.String)
            throw Must(TextOf(maximum), $"is {Kind}");
        var text = "";
        try
        {
            text = Value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // RFC 8259 §8.2
            throw Must(TextOf(maximum), "holds half a surrogate pair, which is no character");
        }
        return text.Length > 0 && text.Length <= maximum ? text : throw Must(TextOf(maximum), text.Length == 0 ? "is empty" : $"has {text.Length} characters");
    }

    public string OneOf(params string[] may)
    {
        var rule = may.Length == 1 ? may[0] : $"one of {string.Join(", ", may)}";
        if (Value.ValueKind != JsonValueKind.String)
            throw Must(rule, $"is {Kind}");
        var text = TryText(200);
        return may.Contains(text, StringComparer.Ordinal) ? text! : throw Must(rule, text is null ? null : $"is \"{text}\"");
    }

    public bool Flag() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Must("true or false", $"is {Kind}");

    public int Number(int minimum, int maximum) => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number >= minimum && number <= maximum
        ? number
        : throw Must($"a whole number from {minimum} to {maximum}");

    /// <summary>An absolute URI without a fragment, as it is written (RFC 6749 §3.1.2, RFC 8707 §2).</summary>
    public string AbsoluteUri()
    {
        var text = Text(LongestText);
        // .NET takes a path for a file's address; RFC 3986 §4.3 asks for a scheme.
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var hasScheme = colon > 0 && char.IsAsciiLetter(text[0]) && text.AsSpan(0, colon).IndexOfAnyExcept(SchemeCharacters) < 0;
        return hasScheme && !text.Any(char.IsWhiteSpace) && !text.Contains('#', StringComparison.Ordinal) && Uri.TryCreate(text, UriKind.Absolute, out _)
            ? text
            : throw Must("an absolute URI without a fragment", $"is \"{text}\"");
    }

    /// <summary>The address of a page, for people.</summary>
    public string Page() => Text(LongestText) is var text && !text.Any(char.IsWhiteSpace) && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
        ? text
        : throw Must("an http or https address");

    private void Require(JsonValueKind kind, string what)
    {
        if (Value.ValueKind != kind)
            throw Must(what, $"is {Kind}");
    }

    private static string TextOf(int maximum) => $"a text of 1 to {maximum} characters";

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

/// <summary>An object, of which nothing but what is known is asked for.</summary>
/// <param name="MayBeNull">Null is a value, and not what is left out.</param>
internal sealed record NodeObject(Node Node, bool MayBeNull)
{
    public string Path => Node.Path;

    public Node? Find(string name) =>
        Node.Value.TryGetProperty(name, out var member) && (MayBeNull || member.ValueKind != JsonValueKind.Null) ? new Node(member, $"{Path}.{name}") : null;

    public Node Require(string name) => Find(name) ?? throw Missing(name, "");

    public JsonMistake Missing(string name, string why) => new($"{Path}.{name}", $"is missing{why}.");

    public string? Text(string name, int maximum) => Find(name)?.Text(maximum);

    public bool Flag(string name) => Find(name)?.Flag() ?? false;

    /// <summary>Whether it stands there, null or not.</summary>
    public bool IsWritten(string name) => Node.Value.TryGetProperty(name, out _);

    /// <summary>The members of an array, each once; null when it is left out.</summary>
    public string[]? Set(string name, int maximum, Func<Node, string> read) => Find(name)?.Set(maximum, read);
}
