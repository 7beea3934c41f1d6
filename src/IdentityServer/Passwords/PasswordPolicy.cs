using System.Globalization;
using IdentityServer.Settings;

namespace IdentityServer.Passwords;

/// <summary>
/// What a new password must be: long enough and not common (NIST SP 800-63B §5.1.1.2), taken as typed. Composition
/// rules are off unless the settings ask for them.
/// </summary>
internal sealed class PasswordPolicy(PasswordSettings settings, CommonPasswords common)
{
    /// <summary>For people: all that is asked.</summary>
    public string Requirements { get; } = Describe(settings);

    public bool Allows(string password)
    {
        // In UTF-16 first: a megabyte is not counted.
        if (password.Length > settings.MaximumLength * 2)
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
