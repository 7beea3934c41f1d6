using IdentityServer.Accounts.Passwords;
using IdentityServer.Pages;

namespace IdentityServer.Accounts.Pages;

/// <summary>Describes the password requirements in the reader's language.</summary>
internal static class PasswordWords
{
    public static string Describe(PasswordSettings settings, Texts texts)
    {
        List<string> asked = [texts.Say("password.length", settings.MinimumLength)];
        if (settings.RequireDigit)
            asked.Add(texts["password.digit"]);
        if (settings.RequireLowercase)
            asked.Add(texts["password.lowercase"]);
        if (settings.RequireUppercase)
            asked.Add(texts["password.uppercase"]);
        if (settings.RequireNonAlphanumeric)
            asked.Add(texts["password.other"]);
        if (settings.RejectCommon)
            asked.Add(texts["password.uncommon"]);
        asked.Add(texts["password.no_name"]);
        return string.Join(' ', asked);
    }
}
