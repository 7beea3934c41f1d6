using System.Text.Json.Nodes;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol.ClientDescriptions;

namespace IdentityServer.Manifest;

/// <summary>An account as the operator describes it, by the rules of those who register themselves.</summary>
internal static class UserSection
{
    private const int MaximumRoles = 100;

    /// <summary>The members, as a JSON Schema tells them.</summary>
    public static readonly Dictionary<string, JsonObject> Members = new(StringComparer.Ordinal)
    {
        ["username"] = JsonSchema.Text(NameRules.MaximumUserNameLength),
        ["email"] = JsonSchema.Text(NameRules.MaximumEmailLength),
        ["password"] = JsonSchema.Text(SecretPlaces.MaximumLength),
        ["password_file"] = JsonSchema.Text(SecretPlaces.MaximumLength),
        ["full_name"] = JsonSchema.Text(NameRules.MaximumFullNameLength),
        ["age"] = JsonSchema.Number(1, 150),
        ["gender"] = JsonSchema.Text(NameRules.MaximumGenderLength),
        ["roles"] = JsonSchema.Set(MaximumRoles, JsonSchema.Text(100)),
        ["disabled"] = JsonSchema.Flag(),
        ["profile"] = JsonSchema.Entry(ProfileSection.Members),
        ["phone_number"] = JsonSchema.Text(32),
    };

    public static ManifestUser Read(Node node, SecretPlaces places)
    {
        var user = node.Entry(Members.Keys);
        var profile = user.Find("profile") is { } claims ? ProfileSection.Read(claims) : [];
        var read = new ManifestUser(
            user.Path,
            user.Find("username") is { } username ? Read(username, NameRules.MaximumUserNameLength, NameRules.IsUserName, "1 to 64 visible characters without an @") : null,
            user.Find("email") is { } email ? Read(email, NameRules.MaximumEmailLength, NameRules.IsEmail, "an e-mail address") : null,
            ReadPassword(user, places),
            ReadLine(user, "full_name", NameRules.MaximumFullNameLength),
            user.Find("age")?.Number(1, 150),
            ReadLine(user, "gender", NameRules.MaximumGenderLength),
            user.Set("roles", MaximumRoles, role => role.Text(100)) ?? [],
            user.Flag("disabled"))
        {
            Said = ReadSaid(user, profile),
            Profile = profile.ToDictionary(claim => claim.Name, claim => claim.Value),
            PhoneNumber = user.Find("phone_number") is { } phone ? ReadPhoneNumber(phone) : null,
        };
        return read.UserName is null && read.Email is null ? throw user.Missing("username", "; an account has that, or an email, or both") : read;
    }

    /// <summary>A password is set once, and so is nothing to compare; of a profile each claim is a member.</summary>
    private static Dictionary<string, string> ReadSaid(NodeObject user, List<(string Name, JsonNode? Value, string Mark)> profile)
    {
        var said = MemberMark.OfEach(user, "password", "password_file");
        if (user.Find("profile") is not null)
            said.Remove("profile");
        foreach (var (name, _, mark) in profile)
            said[name] = mark;
        return said;
    }

    /// <summary>E.164 with what people put between its digits (OpenID Connect Core §5.1).</summary>
    private static string ReadPhoneNumber(Node node)
    {
        var text = node.Text(32);
        return text.Any(char.IsAsciiDigit) && text.All(c => char.IsAsciiDigit(c) || c is '+' or ' ' or '-' or '(' or ')' or '.')
            ? text
            : throw node.Mistake("must be a phone number such as +44 20 7946 0000.");
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

    private static string? ReadLine(NodeObject user, string member, int maximum) =>
        user.Find(member) is { } line ? Read(line, maximum, text => NameRules.IsLine(text, maximum), $"1 to {maximum} visible characters") : null;

    private static string Read(Node node, int maximum, Func<string, bool> isAllowed, string may)
    {
        var text = node.Raw(maximum * 2);
        return isAllowed(text) ? text : throw node.Mistake($"must be {may}.");
    }
}
