using System.Globalization;
using System.Text;

namespace IdentityServer.Manifest;

/// <summary>An account as the operator describes it.</summary>
internal static class UserSection
{
    private const int MaximumRoles = 100;

    public static ManifestUser Read(Node node, SecretPlaces places)
    {
        var user = node.Members("username", "email", "password", "password_file", "full_name", "age", "gender", "roles", "disabled");
        var read = new ManifestUser(
            user.Path,
            user.Find("username") is { } username ? ReadUserName(username) : null,
            user.Find("email") is { } email ? ReadEmail(email) : null,
            ReadPassword(user, places),
            user.Text("full_name", 200),
            user.Find("age")?.Number(1, 150),
            user.Text("gender", 50),
            user.Set("roles", MaximumRoles, role => role.Text(100)),
            user.Flag("disabled"));
        return read.UserName is null && read.Email is null ? throw user.Missing("username", "; an account has that, or an email, or both") : read;
    }

    private static ManifestPassword? ReadPassword(NodeObject user, SecretPlaces places)
    {
        var written = user.Find("password");
        var file = user.Find("password_file");
        if (written is not null && file is not null)
            throw file.Value.Mistake("can't stand beside password: an account has one.");
        // The types are checked now, what they lead to when it is needed.
        written?.Raw(SecretPlaces.MaximumLength);
        file?.Text(SecretPlaces.MaximumLength);
        if (written is { } text)
            return new(text.Path, () => places.Resolve(text));
        return file is { } name ? new(name.Path, () => places.Read(name)) : null;
    }

    private static string ReadUserName(Node node)
    {
        var name = node.Text(128);
        if (name.EnumerateRunes().Count() > 64)
            throw node.Mistake("is longer than 64 characters.");
        return !name.Contains('@', StringComparison.Ordinal) && IsVisible(name)
            ? name
            : throw node.Mistake("must hold no @ and no invisible character.");
    }

    private static string ReadEmail(Node node)
    {
        var email = node.Text(254);
        var at = email.IndexOf('@', StringComparison.Ordinal);
        return at > 0 && at == email.LastIndexOf('@') && at < email.Length - 1 && IsVisible(email) && !email.Any(char.IsWhiteSpace)
            ? email
            : throw node.Mistake("must be an e-mail address.");
    }

    /// <summary>Two names that look the same must not be two accounts: no control, format or bidirectional character.</summary>
    private static bool IsVisible(string text) =>
        text.EnumerateRunes().All(rune => Rune.GetUnicodeCategory(rune) is not
            (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate));
}
