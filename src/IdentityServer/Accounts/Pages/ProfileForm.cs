using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using IdentityServer.Accounts.Passwords;

namespace IdentityServer.Accounts.Pages;

/// <summary>
/// The standard claims that people fill in themselves (OpenID Connect Core §5.1), as form fields and as stored: some in a
/// column of their own, the rest as members of one JSON object.
/// </summary>
internal static partial class ProfileForm
{
    private const int MaximumLength = 200;
    private const int MaximumAddressLength = 2000;

    /// <summary>Members of the claim <c>address</c> (OpenID Connect Core §5.1.1).</summary>
    public static readonly string[] AddressMembers = ["street_address", "locality", "region", "postal_code", "country"];

    /// <summary>Members of the stored object, except the address.</summary>
    public static readonly string[] Members = ["given_name", "family_name", "nickname", "picture", "website", "birthdate", "zoneinfo", "locale"];

    public static readonly string[] Fields = ["full_name", "gender", "phone_number", .. Members, .. AddressMembers];

    /// <summary>All members of the stored object that this form may change.</summary>
    public static readonly string[] Replaced = [.. Members, "address"];

    /// <summary>The name of the error text for a field; null: no error.</summary>
    public static string? Refuse(string field, string value) => field switch
    {
        _ when value.Length == 0 => null,
        "picture" or "website" => IsAddress(value) ? null : "profile.address_refused",
        "birthdate" => DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) && date.Year >= 1800 ? null : "profile.birthdate_refused",
        "phone_number" => PhoneNumber().IsMatch(value) ? null : "profile.phone_number_refused",
        "zoneinfo" => TimeZoneName().IsMatch(value) ? null : "profile.zoneinfo_refused",
        "locale" => LanguageTag().IsMatch(value) ? null : "profile.locale_refused",
        "gender" => NameRules.IsLine(value, NameRules.MaximumGenderLength) ? null : "profile.line_refused",
        _ => NameRules.IsLine(value, MaximumLength) ? null : "profile.line_refused",
    };

    /// <summary>The members of the stored object.</summary>
    public static string Write(IReadOnlyDictionary<string, string> values)
    {
        var profile = Pick(values, Members);
        if (Pick(values, AddressMembers) is { Count: > 0 } address)
            profile["address"] = address;
        return profile.ToJsonString();
    }

    /// <summary>The form's values from the stored object.</summary>
    public static void Read(string json, Dictionary<string, string> values)
    {
        if (JsonNode.Parse(json) is not JsonObject profile)
            return;
        Take(profile, Members, values);
        if (profile["address"] is JsonObject address)
            Take(address, AddressMembers, values);
    }

    private static JsonObject Pick(IReadOnlyDictionary<string, string> values, string[] names)
    {
        var picked = new JsonObject();
        foreach (var name in names)
        {
            if (values.TryGetValue(name, out var value))
                picked[name] = value;
        }
        return picked;
    }

    private static void Take(JsonObject from, string[] names, Dictionary<string, string> values)
    {
        foreach (var name in names)
        {
            if (from[name] is JsonValue value && value.TryGetValue<string>(out var text))
                values[name] = text;
        }
    }

    private static bool IsAddress(string text) =>
        text.Length <= MaximumAddressLength && NameRules.IsLine(text, MaximumAddressLength) && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0;

    // RFC 3966 §5.1.1, with the punctuation that people write.
    [GeneratedRegex(@"^\+?[0-9][0-9 ()./-]{2,30}\z")]
    private static partial Regex PhoneNumber();

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_+/-]{1,63}\z")]
    private static partial Regex TimeZoneName();

    // BCP 47
    [GeneratedRegex(@"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}\z")]
    private static partial Regex LanguageTag();
}
