using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;
using GrantTypes = IdentityServer.Protocol.GrantTypes;
using Scopes = IdentityServer.Protocol.Scopes;

namespace IdentityServer.Manifest;

/// <summary>An application of another OpenIddict server in the words of a manifest, so that it is held to the same rules.</summary>
internal static class OpenIddictClient
{
    /// <summary>A thousand times OpenIddict's: a hash is checked while a request waits.</summary>
    private const int MostRounds = 10_000_000;

    private static readonly SecretPlaces NoPlaces = new("/", _ => null);

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    // Openid and offline_access need no permission there.
    private static readonly string[] GrantsOfUsers = [GrantTypes.AuthorizationCode, GrantTypes.DeviceCode, GrantTypes.Password];

    private static readonly string[] KnownEndpoints =
    [
        Permissions.Endpoints.Authorization, Permissions.Endpoints.DeviceAuthorization, Permissions.Endpoints.EndSession, Permissions.Endpoints.PushedAuthorization,
        Permissions.Endpoints.Revocation, Permissions.Endpoints.Token,
    ];

    /// <param name="served">The scopes that there are here.</param>
    /// <param name="left">What can't be of a client that comes in.</param>
    /// <exception cref="JsonMistake">It can't come in.</exception>
    public static ManifestClient Read(ForeignApplication application, HashSet<string> served, List<string> left)
    {
        var permissions = Texts(application.Permissions, "Permissions");
        var requirements = Texts(application.Requirements, "Requirements");
        var jwks = Parse(application.JsonWebKeySet, "JsonWebKeySet");
        if (jwks is { } set && !ClientKeys.IsStorable(set))
            throw new JsonMistake("JsonWebKeySet", "holds a text with a NUL or half a surrogate pair, or a number with an exponent or of more than 40 digits.");
        var isPublic = application.ClientType is { } type ? type == ClientTypes.Public : application.ClientSecret is null && jwks is null;
        var method = isPublic ? TokenEndpointAuthMethods.None
            : application.ClientSecret is null && jwks is not null ? TokenEndpointAuthMethods.PrivateKeyJwt
            : TokenEndpointAuthMethods.ClientSecretBasic;
        var grants = ReadGrants(permissions, left);
        var scopes = ReadScopes(permissions, grants, served, left);
        Tell(application, permissions, requirements, left);

        bool? requirePkce = null;
        if (grants.Contains(GrantTypes.AuthorizationCode) && !requirements.Contains(Requirements.Features.ProofKeyForCodeExchange))
        {
            if (isPublic)
                left.Add("without PKCE, which every public client must use here");
            else
                requirePkce = false;
        }
        if (method == TokenEndpointAuthMethods.ClientSecretBasic && jwks is not null)
            left.Add("assertions signed with its keys: it authenticates by its secret");

        var members = new JsonObject
        {
            ["client_id"] = application.ClientId,
            ["client_name"] = application.DisplayName is { Length: > 0 } name ? name : null,
            ["token_endpoint_auth_method"] = method,
            ["grant_types"] = Array(grants),
            ["scope"] = scopes.Length == 0 ? null : string.Join(' ', scopes),
            ["redirect_uris"] = Array(Texts(application.RedirectUris, "RedirectUris")),
            ["post_logout_redirect_uris"] = Texts(application.PostLogoutRedirectUris, "PostLogoutRedirectUris") is { Length: > 0 } uris ? Array(uris) : null,
            ["application_type"] = application.ApplicationType,
            ["require_pkce"] = requirePkce,
            ["require_consent"] = application.ConsentType == ConsentTypes.Implicit ? false : null,
            ["require_pushed_authorization_requests"] = requirements.Contains(Requirements.Features.PushedAuthorizationRequests) ? true : null,
            ["jwks"] = jwks is { } keys ? WithoutEmpty(keys) : null,
        };
        var client = ClientSection.Read(new Node(JsonElement.Parse(members.ToJsonString()), "$"), NoPlaces, shortest: 1);
        return TokenEndpointAuthMethods.HasSecret(method) && application.ClientSecret is { } hash
            ? client with { Hashes = [CheckHash(hash)], Said = new Dictionary<string, string>(client.Said, StringComparer.Ordinal) { [ClientSection.Secret] = hash } }
            : client;
    }

    /// <summary>The texts of a JSON array, each once; none where there is no array.</summary>
    public static string[] Texts(string? json, string column)
    {
        if (Parse(json, column) is not { } parsed)
            return [];
        if (parsed.ValueKind != JsonValueKind.Array || parsed.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
            throw new JsonMistake(column, "is no JSON array of texts.");
        try
        {
            return [.. parsed.EnumerateArray().Select(item => item.GetString()!).Distinct(StringComparer.Ordinal)];
        }
        catch (InvalidOperationException)
        {
            throw new JsonMistake(column, "holds half a surrogate pair, which is no character.");
        }
    }

    private static JsonElement? Parse(string? json, string column)
    {
        if (string.IsNullOrEmpty(json))
            return null;
        if (json.Length > OpenIddictDatabase.LongestText)
            throw new JsonMistake(column, $"is longer than {OpenIddictDatabase.LongestText} characters.");
        try
        {
            return JsonElement.Parse(json, Strict) is { ValueKind: not JsonValueKind.Null } parsed ? parsed : null;
        }
        // The second of a name that holds half a surrogate pair.
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            throw new JsonMistake(column, "is no JSON, or has a member twice.");
        }
    }

    /// <summary>What Microsoft's writer puts where there is nothing; a key with an empty <c>key_ops</c> is for nothing (RFC 7517 §4.3).</summary>
    private static JsonNode WithoutEmpty(JsonElement jwks)
    {
        var set = JsonNode.Parse(jwks.GetRawText())!;
        foreach (var key in ((set as JsonObject)?["keys"] as JsonArray)?.OfType<JsonObject>() ?? [])
        {
            foreach (var name in key.Where(member => member.Value is JsonArray { Count: 0 }).Select(member => member.Key).ToList())
                key.Remove(name);
        }
        return set;
    }

    private static JsonArray Array(string[] texts) => new([.. texts.Select(text => (JsonNode?)text)]);

    /// <summary>A grant needs its endpoints and its response type. Where no permission of a kind is written, the server was told to ignore that kind.</summary>
    private static string[] ReadGrants(string[] permissions, List<string> left)
    {
        bool May(string prefix, string permission) => permissions.Contains(permission) || !permissions.Any(one => one.StartsWith(prefix, StringComparison.Ordinal));
        string? Lacking(string grant) =>
            !May(Permissions.Prefixes.Endpoint, Permissions.Endpoints.Token) ? Permissions.Endpoints.Token
            : grant == GrantTypes.DeviceCode && !May(Permissions.Prefixes.Endpoint, Permissions.Endpoints.DeviceAuthorization) ? Permissions.Endpoints.DeviceAuthorization
            : grant == GrantTypes.AuthorizationCode && !May(Permissions.Prefixes.Endpoint, Permissions.Endpoints.Authorization) ? Permissions.Endpoints.Authorization
            : grant == GrantTypes.AuthorizationCode && !May(Permissions.Prefixes.ResponseType, Permissions.ResponseTypes.Code) ? Permissions.ResponseTypes.Code
            : null;

        var grants = new List<string>();
        foreach (var grant in Of(permissions, Permissions.Prefixes.GrantType))
        {
            if (!GrantTypes.Served.Contains(grant))
                left.Add($"the grant type {ImportReport.Shown(grant)}, which is not served here");
            else if (Lacking(grant) is { } permission)
                left.Add($"the grant type {grant}, for which it has no permission {permission}");
            else
                grants.Add(grant);
        }
        return [.. grants];
    }

    private static string[] ReadScopes(string[] permissions, string[] grants, HashSet<string> served, List<string> left)
    {
        var scopes = new List<string>();
        if (grants.Intersect(GrantsOfUsers).Any())
            scopes.Add(Scopes.OpenId);
        if (grants.Contains(GrantTypes.RefreshToken))
            scopes.Add(Scopes.OfflineAccess);
        foreach (var scope in Of(permissions, Permissions.Prefixes.Scope))
        {
            if (served.Contains(scope))
                scopes.Add(scope);
            else
                left.Add($"the scope {ImportReport.Shown(scope)}, which no resource serves here");
        }
        return [.. scopes.Distinct(StringComparer.Ordinal)];
    }

    /// <summary>What we have no place for.</summary>
    private static void Tell(ForeignApplication application, string[] permissions, string[] requirements, List<string> left)
    {
        foreach (var permission in permissions)
        {
            var isKnown = permission == Permissions.ResponseTypes.Code || KnownEndpoints.Contains(permission)
                || permission.StartsWith(Permissions.Prefixes.GrantType, StringComparison.Ordinal) || permission.StartsWith(Permissions.Prefixes.Scope, StringComparison.Ordinal);
            if (permission == Permissions.Endpoints.Introspection)
                left.Add("introspection, which is for the client that a resource names (client_id in a manifest)");
            else if (!isKnown)
                left.Add($"the permission {ImportReport.Shown(permission)}");
        }
        foreach (var requirement in requirements.Except([Requirements.Features.ProofKeyForCodeExchange, Requirements.Features.PushedAuthorizationRequests]))
            left.Add($"the requirement {ImportReport.Shown(requirement)}");
        if (application.ConsentType is ConsentTypes.Systematic or ConsentTypes.External)
            left.Add($"the consent type {application.ConsentType}: users are asked once");
        foreach (var name in Names(application.Settings, "Settings"))
            left.Add($"the setting {ImportReport.Shown(name)}");
        foreach (var name in Names(application.Properties, "Properties"))
            left.Add($"the property {ImportReport.Shown(name)}");
        if (Names(application.DisplayNames, "DisplayNames").Length > 0)
            left.Add("its names in several languages");
    }

    private static string[] Names(string? json, string column) => Parse(json, column) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Object } members => [.. members.EnumerateObject().Select(member => member.Name)],
        _ => throw new JsonMistake(column, "is no JSON object."),
    };

    private static IEnumerable<string> Of(string[] permissions, string prefix) =>
        permissions.Where(permission => permission.StartsWith(prefix, StringComparison.Ordinal)).Select(permission => permission[prefix.Length..]);

    /// <summary>ASP.NET Core Identity's version 3, which OpenIddict's is: a mark, the hash function, the rounds, the salt's length.</summary>
    private static string CheckHash(string hash)
    {
        var bytes = new byte[512];
        var isHash = !hash.Any(char.IsWhiteSpace) && Convert.TryFromBase64String(hash, bytes, out var length) && length > 13
            && bytes[0] == 1 && BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(5)) is > 0 and <= MostRounds;
        return isHash ? hash : throw new JsonMistake("ClientSecret", $"is no hash of OpenIddict's, of at most {MostRounds} rounds.");
    }
}
