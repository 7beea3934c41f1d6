using System.Text.Json.Nodes;
using IdentityServer.Passwords;
using IdentityServer.Protocol;
using IdentityServer.Tokens;

namespace IdentityServer.Manifest;

/// <summary>The member <c>profile</c> of an account: standard claims that have no member of their own (OpenID Connect Core §5.1, §5.1.1).</summary>
internal static class ProfileSection
{
    private static readonly string[] AddressMembers = ["formatted", "street_address", "locality", "region", "postal_code", "country"];

    /// <summary>One JSON text for one content.</summary>
    public static string Read(Node node)
    {
        var profile = node.Members([.. UserClaims.ProfileMembers, ClaimNames.Address]);
        var read = new JsonObject();
        foreach (var name in UserClaims.ProfileMembers)
        {
            if (profile.Find(name) is { } member)
                read[name] = ReadClaim(name, member);
        }
        if (profile.Find(ClaimNames.Address) is { } address)
            read[ClaimNames.Address] = ReadAddress(address);
        return read.ToJsonString();
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

    private static string ReadWeb(Node node)
    {
        var uri = node.AbsoluteUri();
        return new Uri(uri).Scheme is "http" or "https" ? uri : throw node.Mistake("must be an http or https address.");
    }

    private static JsonObject ReadAddress(Node node)
    {
        var address = node.Members(AddressMembers);
        var read = new JsonObject();
        foreach (var name in AddressMembers)
        {
            if (address.Find(name) is not { } member)
                continue;
            // Lines: an address has several.
            var text = member.Raw(500);
            read[name] = text.All(c => c is '\n' or '\r' || !char.IsControl(c)) ? text : throw member.Mistake("holds a control character.");
        }
        return read;
    }
}
