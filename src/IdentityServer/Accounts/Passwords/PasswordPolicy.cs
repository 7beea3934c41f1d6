using System.Globalization;

namespace IdentityServer.Accounts.Passwords;

/// <summary>
/// The rules for a new password: long enough and not common (NIST SP 800-63B §5.1.1.2), used as typed. Composition
/// rules are off unless the settings ask for them.
/// </summary>
internal sealed class PasswordPolicy(PasswordSettings settings, CommonPasswords common)
{
    /// <summary>All requirements for passwords, in words for people.</summary>
    public string Requirements { get; } = Describe(settings);

    /// <summary>Null: acceptable. Otherwise the requirements, in words for people.</summary>
    /// <param name="names">The account's names, which an attacker tries first. Compared as names are.</param>
    public string? Refuse(string password, params ReadOnlySpan<string?> names)
    {
        if (!Allows(password))
            return Requirements;
        var folded = LoginName.Fold(password);
        foreach (var name in names)
        {
            if (name is not null && LoginName.IsPossible(name) && LoginName.Fold(name) == folded)
                return $"{Requirements.AsSpan(0, Requirements.Length - 1)}, must not be the user name or the e-mail address.";
        }
        return null;
    }

    public bool Allows(string password)
    {
        // Checks the UTF-16 length first, to avoid counting a megabyte. A trailing NUL does not change the hash (see PasswordVerifier), and no form accepts one.
        if (password.Length > settings.MaximumLength * 2 || password.Contains('\0', StringComparison.Ordinal))
            return false;
        var length = 0;
        bool hasDigit = false, hasLowercase = false, hasUppercase = false, hasOther = false;
        foreach (var rune in password.EnumerateRunes())
        {
            length++;
            switch (System.Text.Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.DecimalDigitNumber: hasDigit = true; break;
                case UnicodeCategory.LowercaseLetter: hasLowercase = true; break;
                case UnicodeCategory.UppercaseLetter: hasUppercase = true; break;
                case UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter: break;
                default: hasOther = true; break;
            }
        }
        return length >= settings.MinimumLength && length <= settings.MaximumLength
            && (hasDigit || !settings.RequireDigit)
            && (hasLowercase || !settings.RequireLowercase)
            && (hasUppercase || !settings.RequireUppercase)
            && (hasOther || !settings.RequireNonAlphanumeric)
            && !common.Contains(password);
    }

    private static string Describe(PasswordSettings settings)
    {
        List<string> asked = [string.Create(CultureInfo.InvariantCulture, $"must have {settings.MinimumLength} to {settings.MaximumLength} characters")];
        if (settings.RequireDigit)
            asked.Add("must contain a digit");
        if (settings.RequireLowercase)
            asked.Add("must contain a lowercase letter");
        if (settings.RequireUppercase)
            asked.Add("must contain an uppercase letter");
        if (settings.RequireNonAlphanumeric)
            asked.Add("must contain a character that is neither letter nor digit");
        if (settings.RejectCommon)
            asked.Add("must not be one of the commonest passwords");
        return $"The password {string.Join(", ", asked)}.";
    }
}
