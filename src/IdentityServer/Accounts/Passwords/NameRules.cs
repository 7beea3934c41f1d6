using System.Globalization;
using System.Net.Mail;
using System.Text;

namespace IdentityServer.Accounts.Passwords;

/// <summary>The rules for user names, e-mail addresses and lines of a profile.</summary>
internal static class NameRules
{
    /// <summary>Code points.</summary>
    public const int MaximumUserNameLength = 64;
    public const int MaximumEmailLength = 254;
    public const int MaximumFullNameLength = 200;
    public const int MaximumGenderLength = 50;

    /// <summary>
    /// 1 to 64 code points, no surrounding white space, no <c>@</c>, because sign-in takes a name with one for an e-mail address.
    /// </summary>
    public static bool IsUserName(string text) =>
        IsLine(text, MaximumUserNameLength) && !char.IsWhiteSpace(text[0]) && !char.IsWhiteSpace(text[^1])
        && TryFold(text, out var folded) && !folded.Contains('@', StringComparison.Ordinal);

    /// <summary>
    /// A dot-atom, one <c>@</c> and a host name (RFC 5322 §3.4.1 without its quoted and literal forms), with letters of
    /// every script (RFC 6531).
    /// </summary>
    public static bool IsEmail(string text) =>
        IsLine(text, MaximumEmailLength) && HasFormOfEmail(text)
        // Sign-in looks for the folded form.
        && TryFold(text, out var folded) && HasFormOfEmail(folded)
        && MailAddress.TryCreate(text, out _);

    /// <summary>1 to <paramref name="maximum"/> visible code points on one line.</summary>
    public static bool IsLine(string text, int maximum)
    {
        if (text.Length == 0 || text.Length > maximum * 2 || !LoginName.IsWellFormed(text))
            return false;
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (++length > maximum || IsForbidden(rune))
                return false;
        }
        return true;
    }

    /// <summary>The folded form is an index key, and NFKC turns one character into up to 18.</summary>
    private static bool TryFold(string text, out string folded) =>
        (folded = LoginName.Fold(text)).Length <= LoginName.MaximumLength;

    private static bool HasFormOfEmail(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        if (at < 1 || at != text.LastIndexOf('@'))
            return false;
        var local = text.AsSpan(0, at);
        var domain = text.AsSpan(at + 1);
        return IsDotted(local, isHost: false) && IsDotted(domain, isHost: true);
    }

    private static bool IsDotted(ReadOnlySpan<char> text, bool isHost)
    {
        foreach (var range in text.Split('.'))
        {
            var part = text[range];
            if (part.IsEmpty || (isHost && (part.Length > 63 || part[0] == '-' || part[^1] == '-')))
                return false;
            foreach (var c in part)
            {
                var isAllowed = char.IsAscii(c)
                    ? char.IsAsciiLetterOrDigit(c) || c == '-' || (!isHost && "!#$%&'*+/=?^_`{|}~".Contains(c, StringComparison.Ordinal))
                    : !char.IsWhiteSpace(c);
                if (!isAllowed)
                    return false;
            }
        }
        return true;
    }

    /// <summary>Invisible characters, and those that folding may treat differently in a later version of Unicode.</summary>
    private static bool IsForbidden(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse
        || IsDefaultIgnorable(rune.Value);

    /// <summary>Unicode's Default_Ignorable_Code_Point, which includes the bidirectional controls.</summary>
    private static bool IsDefaultIgnorable(int rune) => rune is
        0x00AD or 0x034F or 0x061C or (>= 0x115F and <= 0x1160) or (>= 0x17B4 and <= 0x17B5) or (>= 0x180B and <= 0x180F)
        or (>= 0x200B and <= 0x200F) or (>= 0x202A and <= 0x202E) or (>= 0x2060 and <= 0x206F) or 0x3164
        or (>= 0xFE00 and <= 0xFE0F) or 0xFEFF or 0xFFA0 or (>= 0xFFF0 and <= 0xFFF8)
        or (>= 0x1BCA0 and <= 0x1BCA3) or (>= 0x1D173 and <= 0x1D17A) or (>= 0xE0000 and <= 0xE0FFF);
}
