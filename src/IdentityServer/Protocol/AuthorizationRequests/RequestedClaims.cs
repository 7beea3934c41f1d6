using System.Text.Json;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>
/// The parameter <c>claims</c> (OpenID Connect Core §5.5): claims requested one by one. Whether one is essential
/// matters only for <c>acr</c>: the others are returned if we know them and left out if not (§5.5.1). Names that we
/// don't know are ignored (§5.5), so that no stranger's text is stored with the grant.
/// </summary>
/// <param name="IdToken">Names wanted in the ID token.</param>
/// <param name="UserInfo">Names wanted from userinfo.</param>
/// <param name="Subject">The user that the answer must be about (§5.5.1); null: any.</param>
/// <param name="EssentialAcr">One of these must be met (§5.5.1.1); null: no requirement.</param>
internal sealed record RequestedClaims(string[] IdToken, string[] UserInfo, string? Subject, string[]? EssentialAcr)
{
    public static readonly RequestedClaims None = new([], [], null, null);

    private const int MaximumNames = 100;
    private const int MaximumNameLength = 200;

    /// <summary>Null: malformed.</summary>
    public static RequestedClaims? Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            string? subject = null;
            string[]? acr = null;
            var idToken = Read(root, "id_token", ref subject, ref acr);
            var userInfo = Read(root, "userinfo", ref subject, ref acr);
            return idToken is null || userInfo is null ? null : new RequestedClaims(idToken, userInfo, subject, acr);
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            // The second: a lone surrogate, which is not a character.
            return null;
        }
    }

    private static string[]? Read(JsonElement root, string member, ref string? subject, ref string[]? essentialAcr)
    {
        if (!root.TryGetProperty(member, out var wanted) || wanted.ValueKind == JsonValueKind.Null)
            return [];
        if (wanted.ValueKind != JsonValueKind.Object)
            return null;
        var names = new List<string>();
        var count = 0;
        foreach (var claim in wanted.EnumerateObject())
        {
            if (count++ == MaximumNames || claim.Name.Length > MaximumNameLength || claim.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Object))
                return null;
            if (UserClaims.Served.Contains(claim.Name))
                names.Add(claim.Name);
            if (claim.Value.ValueKind == JsonValueKind.Null)
                continue;
            if (!TryReadValues(claim.Value, out var values, out var isEssential))
                return null;
            if (claim.Name == Protocol.ClaimNames.Subject && values is not null)
            {
                // Two different users at once can't be met.
                if (values.Length != 1 || (subject is not null && subject != values[0]))
                    return null;
                subject = values[0];
            }
            if (claim.Name == Protocol.ClaimNames.AuthenticationContext && isEssential)
                essentialAcr = values ?? [];
        }
        return [.. names];
    }

    /// <summary>Members <c>essential</c>, <c>value</c> and <c>values</c>; others are ignored (§5.5.1).</summary>
    private static bool TryReadValues(JsonElement asked, out string[]? values, out bool isEssential)
    {
        (values, isEssential) = (null, false);
        if (asked.TryGetProperty("essential", out var essential))
        {
            if (essential.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                return false;
            isEssential = essential.GetBoolean();
        }
        if (asked.TryGetProperty("value", out var one) && one.ValueKind == JsonValueKind.String)
            values = [one.GetString()!];
        if (asked.TryGetProperty("values", out var several))
        {
            if (several.ValueKind != JsonValueKind.Array)
                return false;
            values = [.. several.EnumerateArray().Where(value => value.ValueKind == JsonValueKind.String).Select(value => value.GetString()!)];
        }
        return true;
    }
}
