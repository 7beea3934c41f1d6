using IdentityServer.Accounts.Passwords;
using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Protocol.Descriptions;

namespace IdentityServer.Manifest;

/// <summary>How the members of a client must fit together: the rules of all clients, and those for what only an operator says.</summary>
internal static class ManifestClientRules
{
    public static void Check(ManifestClient client, PasswordSettings passwords, MutualTlsSettings mutualTls)
    {
        CheckSecrets(client);
        if (client.IsPublic && !passwords.AllowPublicClients && Array.IndexOf(client.GrantTypes, GrantTypes.Password) is >= 0 and var i)
            throw Mistake(client, $"grant_types[{i}]", "is password, which a public client can't have unless the setting Password:AllowPublicClients is true.");
        ClientRules.Check(client.Description, Speaker.Operator, mutualTls);
    }

    private static void CheckSecrets(ManifestClient client)
    {
        var hasSecret = TokenEndpointAuthMethods.HasSecret(client.AuthMethod);
        if (!hasSecret && client.Secrets.Length > 0)
            throw Mistake(client, ClientSection.Secret, $"belongs to no client whose token_endpoint_auth_method is {client.AuthMethod}.");
        if (hasSecret && client.Secrets.Length == 0 && client.KeptHashes is null or { Length: 0 })
            throw Mistake(client, ClientSection.Secret, "is missing; a public client says \"token_endpoint_auth_method\": \"none\".");
    }

    private static JsonMistake Mistake(ManifestClient client, string member, string what) => new($"{client.Path}.{member}", what);
}
