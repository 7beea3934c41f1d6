using System.Text;
using IdentityServer.Http;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.ClientAuthentication;

namespace IdentityServer.Protocol.ClientDescriptions;

/// <summary>How the members of a client must fit together, whoever says them, and whether they are said now or were before.</summary>
internal static class ClientRules
{
    /// <exception cref="JsonMistake">They don't.</exception>
    public static void Check(ClientDescription client, Speaker speaker, MutualTlsSettings mutualTls)
    {
        CheckGrantTypes(client);
        CheckAddresses(client, speaker);
        CheckKeys(client, speaker);
        CheckCertificates(client, mutualTls);
    }

    private static JsonMistake Mistake(ClientDescription client, string member, string what, OAuthError refusal) => new($"{client.Path}.{member}", what) { Refusal = refusal };

    private static void CheckGrantTypes(ClientDescription client)
    {
        // RFC 7591 §2.1: the two must agree.
        if (client.ResponseTypes is { } types && types.Length > 0 != client.GrantTypes.Contains(GrantTypes.AuthorizationCode))
            throw Mistake(client, "response_types", "must hold code where grant_types holds authorization_code, and nothing where it does not (RFC 7591 §2.1).", Errors.ResponseTypesRefused);
        if (!client.IsPublic)
            return;
        if (client.Metadata.RequirePkce == false)
            throw Mistake(client, "require_pkce", "is false, which a public client can't have (RFC 9700 §2.1.1).", Errors.MetadataRefused("require_pkce", "true"));
        foreach (var (i, grantType) in client.GrantTypes.Index())
        {
            // RFC 6749 §4.4: client credentials are for confidential clients only. A token of one who can't say who it is would be anybody's to exchange.
            if (grantType is GrantTypes.ClientCredentials or GrantTypes.TokenExchange)
                throw Mistake(client, $"grant_types[{i}]", $"is {grantType}, which a public client can't have.", Errors.GrantTypesRefused);
        }
    }

    /// <summary>Where a browser is sent; an operator's client without the grant of codes may name whatever it likes for them.</summary>
    private static void CheckAddresses(ClientDescription client, Speaker speaker)
    {
        var hasCode = client.GrantTypes.Contains(GrantTypes.AuthorizationCode);
        if (hasCode && client.RedirectUris.Length == 0)
            throw Mistake(client, "redirect_uris", "is missing, and grant_types holds authorization_code.", Errors.RedirectUrisMissing);
        if (hasCode || !speaker.IsOperator)
            CheckAddresses(client, "redirect_uris", client.RedirectUris, speaker);
        CheckAddresses(client, "post_logout_redirect_uris", client.Metadata.PostLogoutRedirectUris ?? [], speaker);
    }

    private static void CheckAddresses(ClientDescription client, string member, string[] uris, Speaker speaker)
    {
        var isNative = client.Metadata.ApplicationType == "native";
        foreach (var (i, uri) in uris.Index())
        {
            if (RedirectUris.MistakeIn(uri, isNative) is { } mistake)
                throw Mistake(client, $"{member}[{i}]", $"is {uri}; it {mistake}", RefusalOf(member, uri, isNative));
            if (!speaker.IsOperator && !isNative && RedirectUris.IsOfNative(uri))
                throw Mistake(client, member, "is of a native application.", RefusalOf(member, uri, isNative));
        }
    }

    private static OAuthError RefusalOf(string member, string uri, bool isNative) =>
        member != "redirect_uris" ? Errors.MetadataRefused(member, "addresses such as redirect_uris may hold")
        : !RedirectUris.IsWellFormed(uri, out var parsed) || RedirectUris.HasIssuer(parsed) ? Errors.RedirectUrisMalformed
        : isNative ? Errors.RedirectUriOfNative
        : Errors.RedirectUriOfWeb;

    private static void CheckKeys(ClientDescription client, Speaker speaker)
    {
        var metadata = client.Metadata;
        if (metadata is { Jwks: not null, JwksUri: not null })
            throw Mistake(client, "jwks_uri", "can't stand beside jwks (RFC 7591 §2).", Errors.KeysTwice);
        if (client.AuthMethod != TokenEndpointAuthMethods.PrivateKeyJwt)
            return;
        if (metadata is { Jwks: null, JwksUri: null })
            throw Mistake(client, "jwks", "is missing, or jwks_uri: with private_key_jwt the client signs with its own key.", Errors.KeysMissing);
        if (metadata.Jwks is { } jwks && ClientKeys.TryParse(Encoding.UTF8.GetBytes(jwks.GetRawText()), metadata.TokenEndpointAuthSigningAlg, speaker.AssertionAlgorithms) is null)
            throw Mistake(client, "jwks", $"holds no key that verifies {metadata.TokenEndpointAuthSigningAlg ?? string.Join(" or ", speaker.AssertionAlgorithms)}.", Errors.KeysUnusable);
        if (metadata.JwksUri is { } uri && speaker.IsOperator && new Uri(uri) is { Scheme: "http", IsLoopback: false })
            throw JsonMistake.Must($"{client.Path}.jwks_uri", "an https address");
    }

    private static void CheckCertificates(ClientDescription client, MutualTlsSettings mutualTls)
    {
        const string boundTokens = "tls_client_certificate_bound_access_tokens";
        if (client.Metadata.TlsClientCertificateBoundAccessTokens == true)
        {
            if (!mutualTls.IsEnabled)
                throw Mistake(client, boundTokens, $"is true, which needs the setting {MutualTlsSettings.Name}.", Errors.MetadataRefused(boundTokens, "false"));
            // RFC 8705 §4: its refresh tokens would have to be bound as well.
            if (client.IsPublic)
                throw Mistake(client, boundTokens, "is true, which a public client can't have.", Errors.MetadataRefused(boundTokens, "false"));
        }
        if (mutualTls.MissingFor(client.AuthMethod) is { } setting)
            throw Mistake(client, "token_endpoint_auth_method", $"is {client.AuthMethod}, which needs the setting {setting}.", Errors.MetadataRefused("token_endpoint_auth_method", "one that is served"));
        if (CertificateSubject.MistakeIn(client.Metadata, client.AuthMethod == TokenEndpointAuthMethods.IssuedTls) is { } mistake)
            throw JsonMistake.Must($"{client.Path}.{mistake.Member}", mistake.Rule);
        if (client.AuthMethod == TokenEndpointAuthMethods.SelfSignedTls && !RegisteredCertificates.AreIn(client.Metadata))
            throw Mistake(client, "jwks", "must hold a key with its certificate in x5c: by that the client is known (RFC 8705 §2.2.2).", Errors.CertificatesUnusable);
    }
}
