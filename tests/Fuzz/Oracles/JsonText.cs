using System.Globalization;
using System.Text;

namespace Fuzz.Oracles;

/// <summary>One text being read, from left to right.</summary>
internal sealed class JsonText(string text, JsonRules rules)
{
    private int _at;

    public Json? Read()
    {
        Space();
        var value = Value(0);
        Space();
        return _at == text.Length ? value : null;
    }

    private Json? Value(int depth) => Next switch
    {
        '{' => depth < rules.MaximumDepth ? Object(depth + 1) : null,
        '[' => depth < rules.MaximumDepth ? Array(depth + 1) : null,
        '"' => String() is { } read ? Json.OfText(read) : null,
        't' => Word("true"),
        'f' => Word("false"),
        'n' => Word("null"),
        _ => Number(),
    };

    private char Next => _at < text.Length ? text[_at] : '\0';

    private void Space()
    {
        while (_at < text.Length && text[_at] is ' ' or '\t' or '\n' or '\r')
            _at++;
    }

    private bool Take(char c)
    {
        if (_at >= text.Length || text[_at] != c)
            return false;
        _at++;
        return true;
    }

    private Json? Word(string word)
    {
        if (string.CompareOrdinal(text, _at, word, 0, word.Length) != 0)
            return null;
        _at += word.Length;
        return Json.OfWord(word);
    }

    private Json? Number()
    {
        var start = _at;
        Take('-');
        if (!Take('0') && !Digits())
            return null;
        if (Take('.') && !Digits())
            return null;
        if (Take('e') || Take('E'))
        {
            if (!Take('+'))
                Take('-');
            if (!Digits())
                return null;
        }
        return Json.OfNumber(text[start.._at]);
    }

    private bool Digits()
    {
        var start = _at;
        while (char.IsAsciiDigit(Next))
            _at++;
        return _at > start;
    }

    private Json? Object(int depth)
    {
        var members = new List<(string, Json)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        Take('{');
        Space();
        if (Take('}'))
            return Json.OfMembers();
        do
        {
            Space();
            if (Next != '"' || String() is not { } name || (!seen.Add(name) && !rules.MayRepeatMembers))
                return null;
            Space();
            if (!Take(':'))
                return null;
            Space();
            if (Value(depth) is not { } value)
                return null;
            members.Add((name, value));
            Space();
        }
        while (Take(','));
        return Take('}') ? Json.OfMembers([.. members]) : null;
    }

    private Json? Array(int depth)
    {
        var items = new List<Json>();
        Take('[');
        Space();
        if (Take(']'))
            return Json.OfItems();
        do
        {
            Space();
            if (Value(depth) is not { } value)
                return null;
            items.Add(value);
            Space();
        }
        while (Take(','));
        return Take(']') ? Json.OfItems([.. items]) : null;
    }

    private string? String()
    {
        var read = new StringBuilder();
        Take('"');
        while (_at < text.Length && text[_at] != '"')
        {
            var c = text[_at++];
            if (c < ' ')
                return null;
            if (c == '\\' && !Escape(out c))
                return null;
            read.Append(c);
        }
        var value = read.ToString();
        return Take('"') && (rules.MayBeMangled || IsWhole(value)) ? value : null;
    }

    private bool Escape(out char c)
    {
        c = Next;
        _at++;
        var simple = "\"\\/bfnrt".IndexOf(c, StringComparison.Ordinal);
        if (simple >= 0)
        {
            c = "\"\\/\b\f\n\r\t"[simple];
            return true;
        }
        if (c != 'u' || _at + 4 > text.Length || !ushort.TryParse(text.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit))
            return false;
        _at += 4;
        c = (char)unit;
        return true;
    }

    private static bool IsWhole(string value)
    {
        for (var i = 0; i < value.Length; i++)
        {
            if (char.IsSurrogate(value[i]) && (!char.IsHighSurrogate(value[i]) || i + 1 == value.Length || !char.IsLowSurrogate(value[++i])))
                return false;
        }
        return true;
    }
}
