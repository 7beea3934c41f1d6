using System.Text.Json.Nodes;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Manifest;

/// <summary>
/// The member <c>profile</c> of an account: standard claims that have no member of their own (OpenID Connect Core §5.1, §5.1.1). Each
/// claim is a member: what is left out stays, null takes it away.
/// </summary>
internal static class ProfileSection
{
    private const string Prefix = "profile.";

    private const int MaximumLinesLength = 500;

    private static readonly string[] AddressMembers = ["formatted", "street_address", "locality", "region", "postal_code", "country"];

    /// <summary>The members, as a JSON Schema tells them.</summary>
    public static readonly Dictionary<string, JsonObject> Members = new(UserClaims.ProfileMembers.ToDictionary(name => name, SchemaOf), StringComparer.Ordinal)
    {
        [ClaimNames.Address] = JsonSchema.Entry(AddressMembers.ToDictionary(name => name, _ => JsonSchema.Text(MaximumLinesLength))),
    };

    /// <summary>The claims by their path, such as <c>profile.address.country</c>.</summary>
    public static List<(string Name, JsonNode? Value, string Mark)> Read(Node node)
    {
        var profile = node.Entry(Members.Keys);
        var read = new List<(string, JsonNode?, string)>();
        foreach (var name in UserClaims.ProfileMembers.Where(profile.IsWritten))
            read.Add((Prefix + name, profile.Find(name) is { } member ? ReadClaim(name, member) : null, MemberMark.Of(profile, name)));
        if (profile.Find(ClaimNames.Address) is { } address)
            ReadAddress(address, read);
        else if (profile.IsWritten(ClaimNames.Address))
            read.Add((Prefix + ClaimNames.Address, null, MemberMark.Reset));
        return read;
    }

    /// <summary>The profile with what the user's entry says of it.</summary>
    public static JsonObject Patch(string profile, ManifestUser user)
    {
        var root = JsonNode.Parse(profile)!.AsObject();
        if (user.Resets("profile"))
            root.Clear();
        foreach (var (path, value) in user.Profile.Where(claim => user.Says(claim.Key)))
        {
            var names = path.Split('.');
            var target = names.Length == 2 ? root : root[names[1]] as JsonObject;
            if (target is null)
                root[names[1]] = target = [];
            if (value is null)
                target.Remove(names[^1]);
            else
                target[names[^1]] = value.DeepClone();
        }
        if (root[ClaimNames.Address] is JsonObject { Count: 0 })
            root.Remove(ClaimNames.Address);
        return root;
    }

    private static string ReadClaim(string name, Node node) => name switch
    {
        "profile" or "picture" or "website" => ReadWeb(node),
        "birthdate" => UserClaims.IsBirthdate(node.Text(10)) ? node.Text(10) : throw node.Mistake("must be a date such as 1990-05-01, 0000-05-01 or 1990 (OpenID Connect Core §5.1)."),
        "zoneinfo" or "locale" => node.Text(64),
        _ => NameRules.IsLine(node.Raw(NameRules.MaximumFullNameLength * 2), NameRules.MaximumFullNameLength)
            ? node.Raw(NameRules.MaximumFullNameLength * 2)
            : throw node.Mistake($"must be 1 to {NameRules.MaximumFullNameLength} visible characters."),
    };

    private static JsonObject SchemaOf(string name) => name switch
    {
        "profile" or "picture" or "website" => JsonSchema.Uri(),
        "birthdate" => JsonSchema.Text(10),
        "zoneinfo" or "locale" => JsonSchema.Text(64),
        _ => JsonSchema.Text(NameRules.MaximumFullNameLength),
    };

    private static string ReadWeb(Node node)
    {
        var uri = node.AbsoluteUri();
        return new Uri(uri).Scheme is "http" or "https" ? uri : throw node.Mistake("must be an http or https address.");
    }

    private static void ReadAddress(Node node, List<(string, JsonNode?, string)> read)
    {
        var address = node.Entry(AddressMembers);
        foreach (var name in AddressMembers.Where(address.IsWritten))
        {
            var text = address.Find(name) is { } member ? ReadLines(member) : null;
            read.Add(($"{Prefix}{ClaimNames.Address}.{name}", text, MemberMark.Of(address, name)));
        }
    }

    /// <summary>An address has several.</summary>
    private static string ReadLines(Node node)
    {
        var text = node.Raw(MaximumLinesLength);
        return text.All(c => c is '\n' or '\r' || !char.IsControl(c)) ? text : throw node.Mistake("holds a control character.");
    }
}
