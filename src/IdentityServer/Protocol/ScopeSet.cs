using System.Diagnostics.CodeAnalysis;

namespace IdentityServer.Protocol;

/// <summary>
/// A checked set of scope tokens (RFC 6749 §3.3), in the order given, each once.
/// At most <see cref="MaximumCount"/> tokens of at most <see cref="MaximumTokenLength"/> characters.
/// </summary>
public sealed class ScopeSet : IEquatable<ScopeSet>
{
    public const int MaximumCount = 100;
    public const int MaximumTokenLength = 200;

    public static readonly ScopeSet Empty = new([]);

    private readonly string[] _tokens;
    private string? _text;

    private ScopeSet(string[] tokens) => _tokens = tokens;

    public IReadOnlyList<string> Tokens => _tokens;

    public bool IsEmpty => _tokens.Length == 0;

    /// <summary>For tokens that storage or configuration has already checked.</summary>
    public static ScopeSet Of(IEnumerable<string> tokens)
    {
        var array = tokens as string[] ?? [.. tokens];
        if (HasRepeated(array))
            array = [.. array.Distinct(StringComparer.Ordinal)];
        return array.Length == 0 ? Empty : new ScopeSet(array);
    }

    private static bool HasRepeated(string[] tokens)
    {
        for (var i = 1; i < tokens.Length; i++)
        {
            if (Array.IndexOf(tokens, tokens[i], 0, i) >= 0)
                return true;
        }
        return false;
    }

    /// <summary>Reads <c>scope = scope-token *( SP scope-token )</c>; more than one space is tolerated.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ScopeSet? scopes)
    {
        scopes = null;
        var tokens = text.Split(' ', MaximumCount + 2, StringSplitOptions.RemoveEmptyEntries);
        if (tokens.Length > MaximumCount || !tokens.All(IsToken))
            return false;
        scopes = Of(tokens);
        return true;
    }

    /// <summary>RFC 6749 §3.3: <c>%x21 / %x23-5B / %x5D-7E</c>, one or more.</summary>
    public static bool IsToken(string token) =>
        token.Length is > 0 and <= MaximumTokenLength && token.AsSpan().IndexOfAnyExcept(TokenCharacters) < 0;

    public bool Contains(string token) => Array.IndexOf(_tokens, token) >= 0;

    public bool IsSubsetOf(ScopeSet other)
    {
        foreach (var token in _tokens)
        {
            if (!other.Contains(token))
                return false;
        }
        return true;
    }

    public ScopeSet Intersect(ScopeSet other) => IsSubsetOf(other) ? this : Of(_tokens.Where(other.Contains));

    public ScopeSet Without(ScopeSet other) => _tokens.Any(other.Contains) ? Of(_tokens.Where(token => !other.Contains(token))) : this;

    public ScopeSet Without(string token) => Contains(token) ? Of(_tokens.Where(t => t != token)) : this;

    public string[] ToArray() => [.. _tokens];

    /// <summary>The tokens joined by single spaces.</summary>
    public override string ToString() => _text ??= string.Join(' ', _tokens);

    public bool Equals(ScopeSet? other) =>
        other is not null && _tokens.Length == other._tokens.Length && IsSubsetOf(other);

    public override bool Equals(object? obj) => Equals(obj as ScopeSet);

    public override int GetHashCode()
    {
        var hash = 0;
        foreach (var token in _tokens)
            hash ^= token.GetHashCode(StringComparison.Ordinal);
        return hash;
    }

    private static readonly System.Buffers.SearchValues<char> TokenCharacters = System.Buffers.SearchValues.Create(
        Enumerable.Range(0x21, 0x7E - 0x21 + 1).Select(c => (char)c).Where(c => c is not ('"' or '\\')).ToArray());
}
