using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Accounts.Passwords;

/// <summary>
/// Compares user names and e-mail addresses after Unicode NFKC and simple case folding: <c>Ａlice</c> and <c>alice</c>
/// are the same account.
/// </summary>
internal sealed class LoginName : ILookupNormalizer
{
    /// <summary>A longer name can't belong to an account and is not folded.</summary>
    public const int MaximumLength = 512;

    public string? NormalizeName(string? name) => name is null ? null : Fold(name);

    public string? NormalizeEmail(string? email) => email is null ? null : Fold(email);

    /// <summary>Upper then lower case equals simple case folding. NFKC is applied again, because case mapping may decompose.</summary>
    public static string Fold(string name) =>
        IsWellFormed(name) ? name.Normalize(NormalizationForm.FormKC).ToUpperInvariant().ToLowerInvariant().Normalize(NormalizationForm.FormKC) : name;

    /// <summary>Whether an account can have this name or address. If not, the database need not be asked.</summary>
    public static bool IsPossible(string text) => text.Length <= MaximumLength && !text.Contains('\0', StringComparison.Ordinal) && IsWellFormed(text);

    /// <summary>Whether Unicode normalisation accepts the text: no lone surrogate, no noncharacter such as U+FFFE.</summary>
    public static bool IsWellFormed(string text)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out var rune, out var consumed) != OperationStatus.Done || IsNoncharacter(rune.Value))
                return false;
            rest = rest[consumed..];
        }
        return true;
    }

    /// <summary>Unicode §23.7: U+FDD0 to U+FDEF and the last two of each plane.</summary>
    private static bool IsNoncharacter(int codePoint) =>
        codePoint is >= 0xFDD0 and <= 0xFDEF || (codePoint & 0xFFFE) == 0xFFFE;
}
