using System.Text;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.ClientAuthentication;

namespace IdentityServer.Manifest;

/// <summary>How the members of a client must fit together, whether the file says them or the client has them already.</summary>
internal static class ClientRules
{
    public static void Check(ManifestClient client, PasswordSettings passwords, MutualTlsSettings mutualTls)
    {
        CheckResponseTypes(client);
        CheckPublic(client, passwords);
        CheckSecrets(client);
        CheckAddresses(client);
        if (client.Metadata is { Jwks: not null, JwksUri: not null })
            throw Mistake(client, "jwks_uri", "can't stand beside jwks (RFC 7591 §2).");
        if (client.AuthMethod == TokenEndpointAuthMethods.PrivateKeyJwt)
            CheckKeys(client);
        CheckCertificates(client, mutualTls);
    }

    private static ManifestMistake Mistake(ManifestClient client, string member, string what) => new($"{client.Path}.{member}", what);

    /// <summary>RFC 7591 §2.1: the two must agree.</summary>
    private static void CheckResponseTypes(ManifestClient client)
    {
        if (client.ResponseTypes is { } types && types.Length > 0 != client.GrantTypes.Contains(GrantTypes.AuthorizationCode))
            throw Mistake(client, "response_types", "must hold code where grant_types holds authorization_code, and nothing where it does not (RFC 7591 §2.1).");
    }

    private static void CheckPublic(ManifestClient client, PasswordSettings passwords)
    {
        if (!client.IsPublic)
            return;
        if (client.Metadata.RequirePkce == false)
            throw Mistake(client, "require_pkce", "is false, which a public client can't have (RFC 9700 §2.1.1).");
        foreach (var (i, grantType) in client.GrantTypes.Index())
        {
            var path = $"grant_types[{i}]";
            // RFC 6749 §4.4: client credentials are for confidential clients only.
            if (grantType == GrantTypes.ClientCredentials)
                throw Mistake(client, path, "is client_credentials, which a public client can't have.");
            // The token of one who can't say who it is would be anybody's to exchange.
            if (grantType == GrantTypes.TokenExchange)
                throw Mistake(client, path, "is token exchange, which a public client can't have.");
            if (grantType == GrantTypes.Password && !passwords.AllowPublicClients)
                throw Mistake(client, path, "is password, which a public client can't have unless the setting Password:AllowPublicClients is true.");
        }
    }

    private static void CheckSecrets(ManifestClient client)
    {
        if (client.IsPublic && client.Secrets.Length > 0)
            throw Mistake(client, ClientSection.Secret, "belongs to no public client: token_endpoint_auth_method is none.");
        var hasSecret = TokenEndpointAuthMethods.HasSecret(client.AuthMethod);
        if (!hasSecret && client.Secrets.Length > 0)
            throw Mistake(client, ClientSection.Secret, $"belongs to no client that authenticates by {client.AuthMethod}.");
        if (hasSecret && client.Secrets.Length == 0 && client.KeptHashes is null or { Length: 0 })
            throw Mistake(client, ClientSection.Secret, "is missing; a public client says \"token_endpoint_auth_method\": \"none\".");
    }

    /// <summary>Where a browser is sent; a client without the grant of codes may name whatever it likes for them.</summary>
    private static void CheckAddresses(ManifestClient client)
    {
        if (client.GrantTypes.Contains(GrantTypes.AuthorizationCode))
        {
            if (client.RedirectUris.Length == 0)
                throw Mistake(client, "redirect_uris", "is missing, and grant_types holds authorization_code.");
            CheckAddresses(client, "redirect_uris", client.RedirectUris);
        }
        CheckAddresses(client, "post_logout_redirect_uris", client.Metadata.PostLogoutRedirectUris ?? []);
    }

    private static void CheckAddresses(ManifestClient client, string member, string[] uris)
    {
        foreach (var (i, uri) in uris.Index())
        {
            if (RedirectUris.MistakeIn(uri, client.Metadata.ApplicationType == "native") is { } mistake)
                throw Mistake(client, $"{member}[{i}]", $"is {uri}; it {mistake}");
        }
    }

    private static void CheckKeys(ManifestClient client)
    {
        var metadata = client.Metadata;
        if (metadata is { Jwks: null, JwksUri: null })
            throw Mistake(client, "jwks", "is missing, or jwks_uri: with private_key_jwt the client signs with its own key.");
        if (metadata.Jwks is { } jwks && ClientKeys.TryParse(Encoding.UTF8.GetBytes(jwks.GetRawText()), metadata.TokenEndpointAuthSigningAlg, SignatureAlgorithms.Served) is null)
            throw Mistake(client, "jwks", $"holds no key that verifies {metadata.TokenEndpointAuthSigningAlg ?? string.Join(" or ", SignatureAlgorithms.Served)}.");
        if (metadata.JwksUri is { } uri && new Uri(uri) is { Scheme: "http", IsLoopback: false })
            throw Mistake(client, "jwks_uri", "must be an https address.");
    }

    private static void CheckCertificates(ManifestClient client, MutualTlsSettings mutualTls)
    {
        const string boundTokens = "tls_client_certificate_bound_access_tokens";
        if (client.Metadata.TlsClientCertificateBoundAccessTokens == true)
        {
            if (!mutualTls.IsEnabled)
                throw Mistake(client, boundTokens, $"is true, which needs the setting {MutualTlsSettings.Name}.");
            // RFC 8705 §4: its refresh tokens would have to be bound as well.
            if (client.IsPublic)
                throw Mistake(client, boundTokens, "is true, which a public client can't have.");
        }
        if (mutualTls.MissingFor(client.AuthMethod) is { } setting)
            throw Mistake(client, "token_endpoint_auth_method", $"is {client.AuthMethod}, which needs the setting {setting}.");
        if (CertificateSubject.MistakeIn(client.Metadata, client.AuthMethod == TokenEndpointAuthMethods.IssuedTls) is { } mistake)
            throw Mistake(client, mistake.Member, $"must be {mistake.Rule}.");
        if (client.AuthMethod == TokenEndpointAuthMethods.SelfSignedTls && !RegisteredCertificates.AreIn(client.Metadata))
            throw Mistake(client, "jwks", "must hold a key with its certificate in x5c: by that the client is known (RFC 8705 §2.2.2).");
    }
}
