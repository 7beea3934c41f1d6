using System.Text;
using System.Text.Json;
using IdentityServer.AuthorizationRequests;
using IdentityServer.ClientAuthentication;
using IdentityServer.Configuration;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using Jose;

namespace IdentityServer.Manifest;

/// <summary>
/// The members of a client (RFC 7591 §2, OpenID Connect Registration §2) that matter to sign-in by browser and to proof of
/// possession: those that a client which registers itself may have, by the same rules, and what only an operator may say.
/// </summary>
internal static class ClientMetadataSection
{
    public static readonly string[] Names =
    [
        "application_type", "client_uri", "logo_uri", "policy_uri", "tos_uri", "contacts", "software_id", "software_version",
        "response_types", "subject_type", "require_pkce", "require_consent",
        "require_pushed_authorization_requests", "dpop_bound_access_tokens", "default_max_age", "require_auth_time", "default_acr_values",
        "initiate_login_uri", "id_token_signed_response_alg", "userinfo_signed_response_alg", "post_logout_redirect_uris",
        "backchannel_logout_uri", "backchannel_logout_session_required", "token_endpoint_auth_signing_alg", "jwks", "jwks_uri",
    ];

    private const int MaximumUris = 100;
    private const int MaximumJwksLength = 32 * 1024;

    public static ClientMetadata Read(NodeObject client, string authMethod, string[] grantTypes)
    {
        CheckResponseTypes(client, grantTypes);
        // OpenID Connect Core §8: a user's `sub` is the same for all clients.
        client.Find("subject_type")?.OneOf("public");
        var metadata = new ClientMetadata
        {
            ApplicationType = client.Find("application_type")?.OneOf("web", "native"),
            ClientUri = Web(client, "client_uri"),
            LogoUri = Web(client, "logo_uri"),
            PolicyUri = Web(client, "policy_uri"),
            TosUri = Web(client, "tos_uri"),
            Contacts = client.Set("contacts", 20, contact => contact.Text(254)),
            SoftwareId = client.Text("software_id", 200),
            SoftwareVersion = client.Text("software_version", 200),
            RequirePkce = client.Find("require_pkce")?.Flag(),
            RequireConsent = client.Find("require_consent")?.Flag(),
            RequirePushedAuthorizationRequests = client.Find("require_pushed_authorization_requests")?.Flag(),
            DpopBoundAccessTokens = client.Find("dpop_bound_access_tokens")?.Flag(),
            DefaultMaxAge = client.Find("default_max_age")?.Number(0, int.MaxValue),
            RequireAuthTime = client.Find("require_auth_time")?.Flag(),
            DefaultAcrValues = client.Set("default_acr_values", 20, value => value.Text(200)),
            InitiateLoginUri = Web(client, "initiate_login_uri"),
            IdTokenSignedResponseAlg = Algorithm(client, "id_token_signed_response_alg"),
            UserinfoSignedResponseAlg = Algorithm(client, "userinfo_signed_response_alg"),
            PostLogoutRedirectUris = client.Set("post_logout_redirect_uris", MaximumUris, uri => uri.AbsoluteUri()),
            BackchannelLogoutUri = Web(client, "backchannel_logout_uri"),
            BackchannelLogoutSessionRequired = client.Find("backchannel_logout_session_required")?.Flag(),
            TokenEndpointAuthSigningAlg = client.Find("token_endpoint_auth_signing_alg")?.OneOf(SignatureAlgorithms.Served),
            Jwks = client.Find("jwks") is { } jwks ? ReadJwks(jwks) : null,
            JwksUri = Web(client, "jwks_uri"),
        };
        if (authMethod == TokenEndpointAuthMethods.None && metadata.RequirePkce == false)
            throw client.Find("require_pkce")!.Value.Mistake("is false, which a public client can't have (RFC 9700 §2.1.1).");
        if (metadata is { Jwks: not null, JwksUri: not null })
            throw client.Find("jwks_uri")!.Value.Mistake("can't stand beside jwks (RFC 7591 §2).");
        // A browser is sent there as it is to redirect_uris.
        foreach (var (i, uri) in (metadata.PostLogoutRedirectUris ?? []).Index())
        {
            if (RedirectUris.MistakeIn(uri, metadata.ApplicationType == "native") is { } mistake)
                throw new ManifestMistake($"{client.Path}.post_logout_redirect_uris[{i}]", $"is {uri}; it {mistake}");
        }
        if (authMethod == TokenEndpointAuthMethods.PrivateKeyJwt)
            CheckKeys(client, metadata);
        return metadata;
    }

    /// <summary>RFC 7591 §2.1: the two must agree, so there is nothing to keep of them.</summary>
    private static void CheckResponseTypes(NodeObject client, string[] grantTypes)
    {
        var types = client.Set("response_types", 10, type => type.OneOf("code"));
        if (types is not null && types.Length > 0 != grantTypes.Contains(GrantTypes.AuthorizationCode))
            throw client.Find("response_types")!.Value.Mistake("must hold code where grant_types holds authorization_code, and nothing where it does not (RFC 7591 §2.1).");
    }

    private static void CheckKeys(NodeObject client, ClientMetadata metadata)
    {
        if (metadata is { Jwks: null, JwksUri: null })
            throw client.Missing("jwks", ", or jwks_uri: with private_key_jwt the client signs with its own key");
        if (metadata.Jwks is { } jwks && ClientKeys.TryParse(Encoding.UTF8.GetBytes(jwks.GetRawText()), metadata.TokenEndpointAuthSigningAlg, SignatureAlgorithms.Served) is null)
            throw client.Find("jwks")!.Value.Mistake($"holds no key that verifies {metadata.TokenEndpointAuthSigningAlg ?? string.Join(" or ", SignatureAlgorithms.Served)}.");
        if (metadata.JwksUri is { } uri && new Uri(uri) is { Scheme: "http", IsLoopback: false })
            throw client.Find("jwks_uri")!.Value.Mistake("must be an https address.");
    }

    private static string? Algorithm(NodeObject client, string name) => client.Find(name)?.OneOf(JwsAlgorithms.ES256, JwsAlgorithms.RS256);

    private static string? Web(NodeObject client, string name)
    {
        if (client.Find(name) is not { } node)
            return null;
        var uri = node.AbsoluteUri();
        return new Uri(uri).Scheme is "http" or "https" ? uri : throw node.Mistake("must be an http or https address.");
    }

    private static JsonElement ReadJwks(Node node)
    {
        var text = node.Value.GetRawText();
        if (text.Length > MaximumJwksLength)
            throw node.Mistake($"is longer than {MaximumJwksLength} characters.");
        if (!JsonWebKeySet.TryParse(Encoding.UTF8.GetBytes(text), out _, out _))
            throw node.Mistake("is no JWK Set (RFC 7517 §5).");
        if (!ClientKeys.IsStorable(node.Value))
            throw node.Mistake("holds a text with a NUL, or a number with an exponent or of more than 40 digits.");
        if (ClientKeys.HasPrivateKey(node.Value))
            throw node.Mistake("holds a private or symmetric key, which is the client's alone.");
        return node.Value.Clone();
    }
}
