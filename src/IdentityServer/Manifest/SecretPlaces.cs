using IdentityServer.Protocol.ClientDescriptions;
using System.Text;
using System.Text.Unicode;

namespace IdentityServer.Manifest;

/// <summary>
/// Where secrets stand: in the file itself, in an environment variable (<c>"$NAME"</c>, the whole text), or in a file of
/// their own. What is wrong is said by path, variable and file, never by what they hold.
/// </summary>
/// <param name="folder">The manifest's own, which file names are relative to.</param>
internal sealed class SecretPlaces(string folder, Func<string, string?> environment)
{
    /// <summary>Characters of a client secret or a password; both have closer limits of their own kind.</summary>
    public const int MaximumLength = 1024;

    private const int MaximumFileLength = MaximumLength * 4 + 2;

    /// <param name="shortest">Characters that it must have.</param>
    public string Resolve(Node node, int shortest = 1)
    {
        var text = node.Raw(MaximumLength);
        if (!IsVariable(text))
            return TooShort(text, shortest) is { } itself ? throw node.Mistake(itself) : text;
        var name = text[1..];
        if (environment(name) is not { Length: > 0 } value)
            throw node.Mistake($"asks for the environment variable {name}, which is not set.");
        if (TooShort(value, shortest) is { } why)
            throw node.Mistake($"asks for the environment variable {name}, which {why}");
        return value.Length <= MaximumLength ? value : throw node.Mistake($"asks for the environment variable {name}, which is longer than {MaximumLength} characters.");
    }

    /// <summary>The content of the named file without the newline at its end.</summary>
    /// <param name="shortest">Characters that it must have.</param>
    public string Read(Node node, int shortest = 1)
    {
        var name = node.Text(MaximumLength);
        var bytes = BoundedFile.Read(Path.GetFullPath(name, folder), MaximumFileLength, out var why);
        if (bytes is null)
            throw node.Mistake($"names the file {name}, which {why}.");
        if (!Utf8.IsValid(bytes))
            throw node.Mistake($"names the file {name}, which is not UTF-8.");
        var text = Encoding.UTF8.GetString(bytes);
        text = text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
        if (text.Length > 0 && TooShort(text, shortest) is { } tooShort)
            throw node.Mistake($"names the file {name}, which {tooShort}");
        return text.Length is > 0 and <= MaximumLength
            ? text
            : throw node.Mistake($"names the file {name}, which must hold 1 to {MaximumLength} characters.");
    }

    private static string? TooShort(string secret, int shortest) => secret.EnumerateRunes().Count() is var length && length < shortest
        ? $"has {length} {(length == 1 ? "character" : "characters")}; it must have at least {shortest}."
        : null;

    private static bool IsVariable(string text) =>
        text.Length > 1 && text[0] == '$' && !char.IsAsciiDigit(text[1])
        && text.AsSpan(1).IndexOfAnyExcept(NameCharacters) < 0;

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}
