using IdentityServer.Accounts.Passwords;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientDescriptions;
using IdentityServer.Storage;

namespace IdentityServer.Manifest;

/// <summary>How the members of a client must fit together: the rules of all clients, and those for what only an operator says.</summary>
internal static class ManifestClientRules
{
    /// <param name="row">What the client shall be.</param>
    public static void Check(ManifestClient client, ClientRow row, PasswordSettings passwords, MutualTlsSettings mutualTls)
    {
        CheckSecrets(client, row);
        var responseTypes = client.Says("response_types") ? client.ResponseTypes : null;
        var described = new ClientDescription(client.Path, row.Name, row.AuthMethod, row.GrantTypes, responseTypes, row.RedirectUris, ClientMetadata.Parse(row.Metadata));
        if (described.IsPublic && !passwords.AllowPublicClients && Array.IndexOf(row.GrantTypes, GrantTypes.Password) is >= 0 and var i)
            throw Mistake(client, $"grant_types[{i}]", "is password, which a public client can't have unless the setting Password:AllowPublicClients is true.");
        ClientRules.Check(described, Speaker.Operator, mutualTls);
    }

    private static void CheckSecrets(ManifestClient client, ClientRow row)
    {
        var hasSecret = TokenEndpointAuthMethods.HasSecret(row.AuthMethod);
        if (!hasSecret && client.Secrets.Length > 0 && client.Says(ClientSection.Secret))
            throw Mistake(client, ClientSection.Secret, $"belongs to no client whose token_endpoint_auth_method is {row.AuthMethod}.");
        if (hasSecret && row.SecretHashes.Length == 0)
            throw Mistake(client, ClientSection.Secret, "is missing; a public client says \"token_endpoint_auth_method\": \"none\".");
    }

    private static JsonMistake Mistake(ManifestClient client, string member, string what) => new($"{client.Path}.{member}", what);
}
