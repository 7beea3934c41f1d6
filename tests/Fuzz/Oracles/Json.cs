using System.Text;

namespace Fuzz.Oracles;

/// <param name="MayBeMangled">Lets invalid UTF-8 and lone surrogates pass, as if nobody read the text.</param>
internal readonly record struct JsonRules(int MaximumDepth, bool MayRepeatMembers, bool MayBeMangled)
{
    public static readonly JsonRules Strict = new(16, MayRepeatMembers: false, MayBeMangled: false);

    /// <summary>What the base library's parser accepts as long as nobody reads the text.</summary>
    public static readonly JsonRules Unread = new(16, MayRepeatMembers: false, MayBeMangled: true);
}

internal enum JsonKind
{
    Object,
    Array,
    Text,
    Number,
    Word,
}

/// <summary>
/// A plain reader of RFC 8259 that shares no code with the programs, to judge what they accept.
/// </summary>
internal sealed class Json
{
    public JsonKind Kind { get; private set; }
    public List<(string Name, Json Value)> Members { get; private set; } = [];
    public List<Json> Items { get; private set; } = [];

    /// <summary>The text of a string, the digits of a number, or the word.</summary>
    public string Text { get; private set; } = "";

    public static Json OfText(string text) => new() { Kind = JsonKind.Text, Text = text };
    public static Json OfNumber(string digits) => new() { Kind = JsonKind.Number, Text = digits };
    public static Json OfWord(string word) => new() { Kind = JsonKind.Word, Text = word };
    public static Json OfItems(params Json[] items) => new() { Kind = JsonKind.Array, Items = [.. items] };
    public static Json OfMembers(params (string, Json)[] members) => new() { Kind = JsonKind.Object, Members = [.. members] };

    public Json? this[string name] => Members.Where(member => member.Name == name).Select(member => member.Value).FirstOrDefault();

    public void Become(Json other) => (Kind, Members, Items, Text) = (other.Kind, other.Members, other.Items, other.Text);

    /// <summary>Null if it is not JSON by these rules.</summary>
    public static Json? Parse(byte[] utf8, JsonRules rules)
    {
        var text = "";
        try
        {
            text = rules.MayBeMangled ? Encoding.Latin1.GetString(utf8) : new UTF8Encoding(false, true).GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
        return new JsonText(text, rules).Read();
    }

    /// <summary>This value and all below it, each once.</summary>
    public List<Json> Everything()
    {
        var all = new List<Json> { this };
        for (var i = 0; i < all.Count; i++)
            all.AddRange(all[i].Items.Concat(all[i].Members.Select(member => member.Value)));
        return all;
    }

    public string Write(bool isSpaced)
    {
        var text = new StringBuilder();
        Write(text, isSpaced ? " \n\t" : "");
        return text.ToString();
    }

    private void Write(StringBuilder text, string space)
    {
        switch (Kind)
        {
            case JsonKind.Object:
                text.Append('{').Append(space);
                for (var i = 0; i < Members.Count; i++)
                {
                    text.Append(i == 0 ? "" : ",").Append(space);
                    Quote(text, Members[i].Name);
                    text.Append(space).Append(':').Append(space);
                    Members[i].Value.Write(text, space);
                }
                text.Append(space).Append('}');
                break;
            case JsonKind.Array:
                text.Append('[').Append(space);
                for (var i = 0; i < Items.Count; i++)
                {
                    text.Append(i == 0 ? "" : ",");
                    Items[i].Write(text, space);
                }
                text.Append(space).Append(']');
                break;
            case JsonKind.Text:
                Quote(text, Text);
                break;
            default:
                text.Append(Text);
                break;
        }
    }

    /// <summary>Escapes what must be escaped, and lone surrogates, which UTF-8 can't encode.</summary>
    private static void Quote(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\')
                text.Append('\\').Append(c);
            else if (c < ' ' || char.IsSurrogate(c))
                text.Append("\\u").Append(((int)c).ToString("x4", System.Globalization.CultureInfo.InvariantCulture));
            else
                text.Append(c);
        }
        text.Append('"');
    }
}
