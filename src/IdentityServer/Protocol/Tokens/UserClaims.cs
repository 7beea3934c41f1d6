using System.Globalization;
using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Tokens;

/// <summary>Writes a user's data as standard claims (OpenID Connect Core §5.1, §5.4). Unknown ones are left out, never null (§5.3.2).</summary>
internal sealed class UserClaims(CurrentConfiguration configuration)
{
    /// <summary>The claims in the account's profile, which have no column of their own.</summary>
    public static readonly string[] ProfileMembers =
        ["given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "birthdate", "zoneinfo", "locale"];

    private static readonly string[] OfProfile =
        [ClaimNames.Name, ClaimNames.PreferredUserName, ClaimNames.Gender, ClaimNames.UpdatedAt, .. ProfileMembers];

    private static readonly string[] OfEmail = [ClaimNames.Email, ClaimNames.EmailVerified];
    private static readonly string[] OfPhone = [ClaimNames.PhoneNumber, ClaimNames.PhoneNumberVerified];

    /// <summary>Every claim about a user that a client may ask for by name.</summary>
    public static readonly string[] Served = [.. OfProfile, .. OfEmail, ClaimNames.Address, .. OfPhone, ClaimNames.Roles];

    /// <summary>The claims that the scopes ask for, and those requested one by one.</summary>
    public static HashSet<string> Wanted(ScopeSet scopes, string[]? oneByOne)
    {
        var names = new HashSet<string>(oneByOne ?? [], StringComparer.Ordinal);
        Add(names, scopes, Scopes.Profile, OfProfile);
        Add(names, scopes, Scopes.Email, OfEmail);
        Add(names, scopes, Scopes.Phone, OfPhone);
        Add(names, scopes, Scopes.Address, [ClaimNames.Address]);
        Add(names, scopes, Scopes.Roles, [ClaimNames.Roles]);
        return names;
    }

    /// <summary>OpenID Connect Core §5.1: a date, with year 0000 if the year is not given, or just a year.</summary>
    public static bool IsBirthdate(string text) =>
        (text.Length == 4 && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        || DateOnly.TryParseExact(text.StartsWith("0000", StringComparison.Ordinal) ? "2000" + text[4..] : text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    public void Write(Utf8JsonWriter json, UserProfile user, HashSet<string> wanted)
    {
        if (wanted.Count == 0)
            return;
        Write(json, wanted, ClaimNames.Name, user.FullName);
        Write(json, wanted, ClaimNames.PreferredUserName, user.UserName);
        Write(json, wanted, ClaimNames.Gender, user.Gender);
        if (wanted.Contains(ClaimNames.UpdatedAt))
            json.WriteNumber(ClaimNames.UpdatedAt, user.UpdatedAt.ToUnixTimeSeconds());
        Write(json, wanted, ClaimNames.Email, user.Email);
        if (user.Email is not null && wanted.Contains(ClaimNames.EmailVerified))
            json.WriteBoolean(ClaimNames.EmailVerified, user.IsEmailConfirmed);
        Write(json, wanted, ClaimNames.PhoneNumber, user.PhoneNumber);
        if (user.PhoneNumber is not null && wanted.Contains(ClaimNames.PhoneNumberVerified))
            json.WriteBoolean(ClaimNames.PhoneNumberVerified, user.IsPhoneNumberConfirmed);
        if (wanted.Contains(ClaimNames.Roles))
        {
            json.WriteStartArray(ClaimNames.Roles);
            foreach (var role in configuration.Value.RolesOf(user.RoleIds).Roles)
                json.WriteStringValue(role);
            json.WriteEndArray();
        }
        WriteProfile(json, user.Profile, wanted);
    }

    private static void WriteProfile(Utf8JsonWriter json, string profile, HashSet<string> wanted)
    {
        using var document = JsonDocument.Parse(profile);
        foreach (var member in document.RootElement.EnumerateObject())
        {
            if (wanted.Contains(member.Name) && (member.Name == ClaimNames.Address || Array.IndexOf(ProfileMembers, member.Name) >= 0))
                member.WriteTo(json);
        }
    }

    private static void Write(Utf8JsonWriter json, HashSet<string> wanted, string name, string? value)
    {
        if (value is not null && wanted.Contains(name))
            json.WriteString(name, value);
    }

    private static void Add(HashSet<string> names, ScopeSet scopes, string scope, string[] claims)
    {
        if (scopes.Contains(scope))
            names.UnionWith(claims);
    }
}
