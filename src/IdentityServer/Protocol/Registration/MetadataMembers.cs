using System.Text;
using System.Text.Json;
using IdentityServer.Accounts.Passwords;

namespace IdentityServer.Protocol.Registration;

/// <summary>
/// The members of a registration, each read by its type and limits. The first that is wrong is the refusal; null stands for
/// left out (RFC 7591 §2), unknown members are ignored.
/// </summary>
internal sealed class MetadataMembers(JsonElement root)
{
    private const int LongestText = 2000;

    public OAuthError? Refusal { get; private set; }

    public void Refuse(OAuthError error) => Refusal ??= error;

    public bool Has(string name) => Find(name) is not null;

    public JsonElement? Find(string name) =>
        root.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? member : null;

    public string? Text(string name, int maximum = LongestText)
    {
        if (Find(name) is not { } member)
            return null;
        if (TryRead(member, maximum, out var text))
            return text;
        Refuse(Errors.MetadataRefused(name, $"a text of 1 to {maximum} characters"));
        return null;
    }

    /// <summary>What people read: a sign of direction within could turn the sentence around it.</summary>
    public string? Line(string name, int maximum)
    {
        var text = Text(name, maximum);
        if (text is null || NameRules.IsLine(text, maximum))
            return text;
        Refuse(Errors.MetadataRefused(name, $"a text of 1 to {maximum} visible characters"));
        return null;
    }

    public string? OneOf(string name, params string[] may)
    {
        if (Find(name) is not { } member)
            return null;
        if (TryRead(member, LongestText, out var text) && may.Contains(text, StringComparer.Ordinal))
            return text;
        Refuse(Errors.MetadataRefused(name, may.Length == 1 ? may[0] : $"one of {string.Join(", ", may)}"));
        return null;
    }

    public bool? Flag(string name)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return member.GetBoolean();
        Refuse(Errors.MetadataRefused(name, "true or false"));
        return null;
    }

    /// <summary>0 or more.</summary>
    public int? Number(string name)
    {
        if (Find(name) is not { } member)
            return null;
        if (member.ValueKind == JsonValueKind.Number && member.TryGetInt32(out var number) && number >= 0)
            return number;
        Refuse(Errors.MetadataRefused(name, "a whole number, 0 or more"));
        return null;
    }

    public string[]? Texts(string name, int maximumCount, int maximum = LongestText)
    {
        if (Find(name) is not { } member)
            return null;
        if (TryReadAll(member, maximumCount, maximum) is { } texts)
            return texts;
        Refuse(Errors.MetadataRefused(name, $"an array of at most {maximumCount} texts of 1 to {maximum} characters"));
        return null;
    }

    /// <summary>Without a repetition; null: it is no such array.</summary>
    public static string[]? TryReadAll(JsonElement member, int maximumCount, int maximum)
    {
        if (member.ValueKind != JsonValueKind.Array || member.GetArrayLength() > maximumCount)
            return null;
        var texts = new List<string>(member.GetArrayLength());
        foreach (var item in member.EnumerateArray())
        {
            if (!TryRead(item, maximum, out var text))
                return null;
            if (!texts.Contains(text, StringComparer.Ordinal))
                texts.Add(text);
        }
        return [.. texts];
    }

    /// <summary>The address of a page, for people: http or https.</summary>
    public string? Page(string name)
    {
        var text = Text(name);
        if (text is null || Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && !text.Any(char.IsWhiteSpace))
            return text;
        Refuse(Errors.MetadataRefused(name, "an http or https address"));
        return null;
    }

    private static bool TryRead(JsonElement member, int maximum, out string text)
    {
        text = "";
        if (member.ValueKind != JsonValueKind.String)
            return false;
        try
        {
            text = member.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // RFC 8259 §8.2: half a surrogate pair stands for no character.
            return false;
        }
        return text.Length > 0 && text.Length <= maximum && !text.EnumerateRunes().Any(Rune.IsControl);
    }
}
