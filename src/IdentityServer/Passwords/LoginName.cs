using System.Text;
using Microsoft.AspNetCore.Identity;

namespace IdentityServer.Passwords;

/// <summary>
/// User names and e-mail addresses compare after Unicode NFKC and simple case folding: <c>Ａlice</c> and <c>alice</c>
/// are one account.
/// </summary>
internal sealed class LoginName : ILookupNormalizer
{
    /// <summary>Anything longer names no account and is not worth folding.</summary>
    public const int MaximumLength = 512;

    public string? NormalizeName(string? name) => name is null ? null : Fold(name);

    public string? NormalizeEmail(string? email) => email is null ? null : Fold(email);

    /// <summary>Upper then lower maps what simple case folding maps; NFKC once more, as case mapping may decompose.</summary>
    public static string Fold(string name) =>
        IsWellFormed(name) ? name.Normalize(NormalizationForm.FormKC).ToUpperInvariant().ToLowerInvariant().Normalize(NormalizationForm.FormKC) : name;

    /// <summary>Whether the text has no lone surrogate, which Unicode normalisation refuses.</summary>
    public static bool IsWellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                i++;
            else if (char.IsSurrogate(text[i]))
                return false;
        }
        return true;
    }
}
