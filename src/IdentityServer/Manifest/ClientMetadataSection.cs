using System.Text;
using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Protocol;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;

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
        "require_pushed_authorization_requests", "dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens", .. CertificateSubject.Members, "default_max_age", "require_auth_time", "default_acr_values",
        "initiate_login_uri", "id_token_signed_response_alg", "userinfo_signed_response_alg", "post_logout_redirect_uris",
        "backchannel_logout_uri", "backchannel_logout_session_required", "token_endpoint_auth_signing_alg", "jwks", "jwks_uri",
    ];

    private const int MaximumUris = 100;
    private const int MaximumJwksLength = 32 * 1024;

    public static ClientMetadata Read(NodeObject client)
    {
        // OpenID Connect Core §8: a user's `sub` is the same for all clients.
        client.Find("subject_type")?.OneOf("public");
        return new ClientMetadata
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
            TlsClientCertificateBoundAccessTokens = client.Find("tls_client_certificate_bound_access_tokens")?.Flag(),
            TlsClientAuthSubjectDn = client.Text("tls_client_auth_subject_dn", CertificateSubject.MaximumLength),
            TlsClientAuthSanDns = client.Text("tls_client_auth_san_dns", CertificateSubject.MaximumLength),
            TlsClientAuthSanUri = client.Text("tls_client_auth_san_uri", CertificateSubject.MaximumLength),
            TlsClientAuthSanIp = client.Text("tls_client_auth_san_ip", CertificateSubject.MaximumLength),
            TlsClientAuthSanEmail = client.Text("tls_client_auth_san_email", CertificateSubject.MaximumLength),
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
    }

    private static string? Algorithm(NodeObject client, string name) => client.Find(name)?.OneOf(SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256);

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
        if (!JwtVerifier.TryParse(Encoding.UTF8.GetBytes(text), SignatureAlgorithms.Served, out _))
            throw node.Mistake("is no JWK Set (RFC 7517 §5).");
        if (!ClientKeys.IsStorable(node.Value))
            throw node.Mistake("holds a text with a NUL, or a number with an exponent or of more than 40 digits.");
        if (ClientKeys.HasPrivateKey(node.Value))
            throw node.Mistake("holds a private or symmetric key, which is the client's alone.");
        return node.Value.Clone();
    }
}
