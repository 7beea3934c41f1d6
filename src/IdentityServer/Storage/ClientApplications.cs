using System.Text.Json;
using System.Text.Json.Nodes;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace IdentityServer.Storage;

/// <summary>
/// Writes a registration the way OpenIddict stores it. The view <c>clients</c> reads it back, and the view's trigger writes the same for nodes
/// of the previous version. A test checks that the two agree.
/// </summary>
internal static class ClientApplications
{
    private const string AuthMethod = "token_endpoint_auth_method";
    private const string SigningAlgorithm = "access_token_signed_response_alg";

    public static void WriteTo(this ClientRow client, ApplicationRow application)
    {
        var metadata = JsonNode.Parse(client.Metadata)!.AsObject();
        application.ClientId = client.ClientId;
        application.DisplayName = client.Name;
        application.ClientType = client.AuthMethod == ClientAuthenticationMethods.None ? ClientTypes.Public : ClientTypes.Confidential;
        application.ClientSecret = client.SecretHashes.Length == 0 ? null : string.Join(' ', client.SecretHashes);
        application.Permissions = JsonSerializer.Serialize(PermissionsOf(client));
        application.Requirements = JsonSerializer.Serialize(RequirementsOf(client, metadata));
        application.RedirectUris = JsonSerializer.Serialize(client.RedirectUris);
        application.PostLogoutRedirectUris = Take(metadata, "post_logout_redirect_uris")?.ToJsonString();
        application.ApplicationType = Take(metadata, "application_type")?.GetValue<string>();
        application.ConsentType = Take(metadata, "require_consent")?.GetValue<bool>() switch { true => ConsentTypes.Explicit, false => ConsentTypes.Implicit, null => null };
        application.JsonWebKeySet = Take(metadata, "jwks")?.ToJsonString();
        metadata[AuthMethod] = client.AuthMethod;
        if (client.SigningAlgorithm is { } algorithm)
            metadata[SigningAlgorithm] = algorithm;
        application.Properties = metadata.ToJsonString();
        application.Disabled = client.Disabled;
        application.RegisteredAt = client.RegisteredAt;
        application.RegistrationTokenHash = client.RegistrationTokenHash;
    }

    private static JsonNode? Take(JsonObject metadata, string name)
    {
        metadata.Remove(name, out var value);
        return value;
    }

    private static List<string> PermissionsOf(ClientRow client)
    {
        List<string> permissions =
        [
            .. client.GrantTypes.Select(grant => Permissions.Prefixes.GrantType + grant),
            .. client.Scopes.Select(scope => Permissions.Prefixes.Scope + scope),
            Permissions.Endpoints.Token, Permissions.Endpoints.Introspection, Permissions.Endpoints.Revocation,
        ];
        if (client.GrantTypes.Contains(GrantTypes.AuthorizationCode))
            permissions.AddRange([Permissions.Endpoints.Authorization, Permissions.Endpoints.PushedAuthorization, Permissions.Endpoints.EndSession, Permissions.ResponseTypes.Code]);
        if (client.GrantTypes.Contains(GrantTypes.DeviceCode))
            permissions.Add(Permissions.Endpoints.DeviceAuthorization);
        return permissions;
    }

    private static List<string> RequirementsOf(ClientRow client, JsonObject metadata)
    {
        List<string> requirements = [];
        if (client.GrantTypes.Contains(GrantTypes.AuthorizationCode) && metadata["require_pkce"]?.GetValue<bool>() != false)
            requirements.Add(Requirements.Features.ProofKeyForCodeExchange);
        if (metadata["require_pushed_authorization_requests"]?.GetValue<bool>() == true)
            requirements.Add(Requirements.Features.PushedAuthorizationRequests);
        return requirements;
    }
}
