using System.Text.Json.Nodes;
using IdentityServer.Clients;
using IdentityServer.Protocol.Descriptions;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>What an entry comes to: the members that it says, over those that the row has.</summary>
internal static class Described
{
    public static ManifestClient Over(this ManifestClient client, ClientRow row)
    {
        var redirectUris = client.Says("redirect_uris") ? client.RedirectUris : row.RedirectUris;
        return client with
        {
            Name = client.Says("client_name") ? client.Name : row.Name,
            AuthMethod = client.Says("token_endpoint_auth_method") ? client.AuthMethod : row.AuthMethod,
            Secrets = client.Says(ClientSection.Secret) ? client.Secrets : [],
            KeptHashes = client.Says(ClientSection.Secret) ? null : row.SecretHashes,
            GrantTypes = client.Resets("grant_types") ? Speaker.Operator.DefaultGrantTypes(redirectUris) : client.Says("grant_types") ? client.GrantTypes : row.GrantTypes,
            Scopes = client.Says("scope") ? client.Scopes : row.Scopes,
            RedirectUris = redirectUris,
            SigningAlgorithm = client.Says(ClientSection.SigningAlgorithm) ? client.SigningAlgorithm : row.SigningAlgorithm,
            IsDisabled = client.Says("disabled") ? client.IsDisabled : row.Disabled,
            ResponseTypes = client.Says("response_types") ? client.ResponseTypes : null,
            Metadata = Over(client, row.Metadata),
        };
    }

    public static ManifestResource Over(this ManifestResource resource, ResourceRow row) => resource with
    {
        Name = resource.Says("name") ? resource.Name : row.Name,
        Scopes = resource.Says("scopes") ? resource.Scopes : row.Scopes,
        ClientId = resource.Says("client_id") ? resource.ClientId : row.ClientId,
    };

    public static ManifestRole Over(this ManifestRole role, Role row) => role with
    {
        Name = role.Says("name") ? role.Name : row.Name!,
        Permissions = role.Says("permissions") ? role.Permissions : row.Permissions,
    };

    private static ClientMetadata Over(ManifestClient client, string metadata)
    {
        var (has, said) = (JsonNode.Parse(ClientMetadata.Parse(metadata).ToString())!.AsObject(), JsonNode.Parse(client.Metadata.ToString())!.AsObject());
        foreach (var name in ClientMembers.OfMetadata.Where(client.Says))
        {
            if (said[name] is { } value)
                has[name] = value.DeepClone();
            else
                has.Remove(name);
        }
        return ClientMetadata.Parse(has.ToJsonString());
    }
}
