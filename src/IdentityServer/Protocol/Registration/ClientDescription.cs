using System.Text;
using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Http;
using IdentityServer.Outbound;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Settings;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Protocol.Registration;

/// <summary>What a client says of itself, checked, and with the defaults of RFC 7591 §2 filled in.</summary>
internal sealed record ClientDescription(string AuthMethod, string[] GrantTypes, string[] RedirectUris, ScopeSet Scopes, string? Name, ClientMetadata Metadata);

/// <summary>
/// Reads a description (RFC 7591 §2, OpenID Connect Registration §2). What a stranger may not have is refused and not quietly
/// left out, unless the standard says ignore; what opens a door of ours (<c>require_pkce</c>, <c>require_consent</c>) is none of its members.
/// </summary>
internal sealed class ClientDescriptionReader(
    ClientRegistrationSettings settings, ClientAssertionSettings assertions, MutualTlsSettings mutualTls, CurrentConfiguration configuration, OutboundHttp outbound)
{
    public const string ResponseType = "code";

    private const int MaximumJwksLength = 32 * 1024;

    // A password grant trains users to give their password away: no stranger has it.
    private static readonly string[] ForUsers = [Protocol.GrantTypes.AuthorizationCode, Protocol.GrantTypes.RefreshToken, Protocol.GrantTypes.DeviceCode];

    private static readonly string[] SigningAlgorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256];

    private readonly string[] _authMethods = [.. TokenEndpointAuthMethods.Served.Where(method => mutualTls.MissingFor(method) is null)];

    public Result<ClientDescription> Read(JsonElement json)
    {
        var members = new MetadataMembers(json);
        var authMethod = members.OneOf("token_endpoint_auth_method", _authMethods) ?? TokenEndpointAuthMethods.ClientSecretBasic;
        var grantTypes = ReadGrantTypes(members, authMethod);
        CheckResponseTypes(members, grantTypes);
        members.OneOf("subject_type", "public");
        var (redirectUris, applicationType) = ReadRedirectUris(members, authMethod, grantTypes);
        var scopes = ReadScope(members);
        var name = members.Line("client_name", 200);
        var metadata = ReadMetadata(members, authMethod, applicationType);
        return members.Refusal is { } refused ? refused : new ClientDescription(authMethod, grantTypes, redirectUris, scopes, name, metadata);
    }

    private string[] ReadGrantTypes(MetadataMembers members, string authMethod)
    {
        var grantTypes = members.Texts("grant_types", 20, 200) ?? [Protocol.GrantTypes.AuthorizationCode];
        foreach (var grantType in grantTypes)
        {
            // Its own tokens are for a client that somebody vouched for, and that can prove who it is (RFC 6749 §4.4).
            var isAllowed = ForUsers.Contains(grantType) && Protocol.GrantTypes.Served.Contains(grantType)
                || grantType == Protocol.GrantTypes.ClientCredentials && settings.Mode == RegistrationMode.InitialToken && authMethod != TokenEndpointAuthMethods.None;
            if (!isAllowed)
                members.Refuse(Errors.GrantTypesRefused);
        }
        return grantTypes;
    }

    /// <summary>RFC 7591 §2.1: the two must agree.</summary>
    private static void CheckResponseTypes(MetadataMembers members, string[] grantTypes)
    {
        var hasCode = grantTypes.Contains(Protocol.GrantTypes.AuthorizationCode);
        if (members.Texts("response_types", 10, 100) is { } types && !types.SequenceEqual(hasCode ? [ResponseType] : []))
            members.Refuse(Errors.ResponseTypesRefused);
    }

    /// <summary>
    /// OpenID Connect Registration §2 takes for web what says nothing. A public client with a loopback or private-use address has
    /// said enough: nothing but a native application has either (RFC 8252 §7).
    /// </summary>
    private static (string[] Uris, string? ApplicationType) ReadRedirectUris(MetadataMembers members, string authMethod, string[] grantTypes)
    {
        var type = members.OneOf("application_type", "web", "native");
        if (members.Find("redirect_uris") is not { } member)
        {
            if (grantTypes.Contains(Protocol.GrantTypes.AuthorizationCode))
                members.Refuse(Errors.RedirectUrisMissing);
            return ([], type);
        }
        if (MetadataMembers.TryReadAll(member, RedirectUris.MaximumCount, RedirectUris.MaximumLength) is not { } uris)
        {
            members.Refuse(Errors.RedirectUrisMalformed);
            return ([], type);
        }
        if (uris.Length == 0 && grantTypes.Contains(Protocol.GrantTypes.AuthorizationCode))
            members.Refuse(Errors.RedirectUrisMissing);
        if (type is null && authMethod == TokenEndpointAuthMethods.None && uris.Any(text => RedirectUris.IsWellFormed(text, out var uri) && RedirectUris.IsOfNative(uri)))
            type = "native";
        if (RedirectUris.Check(uris, type == "native") is { } refused)
            members.Refuse(refused);
        return (uris, type);
    }

    private ScopeSet ReadScope(MetadataMembers members)
    {
        var allowed = settings.Scopes.Intersect(configuration.Value.Scopes);
        if (members.Find("scope") is not { } member)
            return allowed;
        // No text for it is the empty set, which a client may want.
        if (member.ValueKind == JsonValueKind.String && member.ValueEquals(""))
            return ScopeSet.Empty;
        if (members.Text("scope", ScopeSet.MaximumCount * (ScopeSet.MaximumTokenLength + 1)) is { } text && ScopeSet.TryParse(text, out var scopes) && scopes.IsSubsetOf(allowed))
            return scopes;
        members.Refuse(Errors.ScopeNotRegistrable);
        return ScopeSet.Empty;
    }

    private ClientMetadata ReadMetadata(MetadataMembers members, string authMethod, string? applicationType)
    {
        var metadata = new ClientMetadata
        {
            ApplicationType = applicationType,
            ClientUri = members.Page("client_uri"),
            LogoUri = members.Page("logo_uri"),
            PolicyUri = members.Page("policy_uri"),
            TosUri = members.Page("tos_uri"),
            Contacts = members.Texts("contacts", 20, 254),
            SoftwareId = members.Text("software_id", 200),
            SoftwareVersion = members.Text("software_version", 200),
            // Only by the operator's word, and never of a public client (RFC 9700 §2.1.1).
            RequirePkce = settings.RequirePkce || authMethod == TokenEndpointAuthMethods.None ? null : false,
            RequirePushedAuthorizationRequests = members.Flag("require_pushed_authorization_requests"),
            DpopBoundAccessTokens = members.Flag("dpop_bound_access_tokens"),
            TlsClientCertificateBoundAccessTokens = ReadBoundTokens(members, authMethod),
            TlsClientAuthSubjectDn = members.Text("tls_client_auth_subject_dn", CertificateSubject.MaximumLength),
            TlsClientAuthSanDns = members.Text("tls_client_auth_san_dns", CertificateSubject.MaximumLength),
            TlsClientAuthSanUri = members.Text("tls_client_auth_san_uri", CertificateSubject.MaximumLength),
            TlsClientAuthSanIp = members.Text("tls_client_auth_san_ip", CertificateSubject.MaximumLength),
            TlsClientAuthSanEmail = members.Text("tls_client_auth_san_email", CertificateSubject.MaximumLength),
            DefaultMaxAge = members.Number("default_max_age"),
            RequireAuthTime = members.Flag("require_auth_time"),
            DefaultAcrValues = members.Texts("default_acr_values", 20, 200),
            InitiateLoginUri = Asked(members, "initiate_login_uri"),
            IdTokenSignedResponseAlg = members.OneOf("id_token_signed_response_alg", SigningAlgorithms),
            UserinfoSignedResponseAlg = members.OneOf("userinfo_signed_response_alg", SigningAlgorithms),
            PostLogoutRedirectUris = ReadPostLogoutRedirectUris(members, applicationType == "native"),
            BackchannelLogoutUri = Asked(members, "backchannel_logout_uri"),
            BackchannelLogoutSessionRequired = members.Flag("backchannel_logout_session_required"),
            TokenEndpointAuthSigningAlg = members.OneOf("token_endpoint_auth_signing_alg", assertions.Algorithms),
            Jwks = members.Find("jwks")?.Clone(),
            JwksUri = Asked(members, "jwks_uri"),
        };
        CheckKeys(members, metadata, authMethod == TokenEndpointAuthMethods.PrivateKeyJwt);
        if (members.Refusal is null && authMethod == TokenEndpointAuthMethods.SelfSignedTls && !RegisteredCertificates.AreIn(metadata))
            members.Refuse(Errors.CertificatesUnusable);
        if (CertificateSubject.MistakeIn(metadata, authMethod == TokenEndpointAuthMethods.IssuedTls) is { } mistake)
            members.Refuse(Errors.MetadataRefused(mistake.Member, mistake.Rule));
        return metadata;
    }

    /// <summary>Of a public client the refresh tokens would have to be bound as well (RFC 8705 §4).</summary>
    private bool? ReadBoundTokens(MetadataMembers members, string authMethod)
    {
        const string name = "tls_client_certificate_bound_access_tokens";
        var areBound = members.Flag(name);
        if (areBound == true && (!mutualTls.IsEnabled || authMethod == TokenEndpointAuthMethods.None))
            members.Refuse(Errors.MetadataRefused(name, "false"));
        return areBound;
    }

    /// <summary>The same rules as where a sign-in ends: a browser is sent there as well.</summary>
    private static string[]? ReadPostLogoutRedirectUris(MetadataMembers members, bool isNative)
    {
        var uris = members.Texts("post_logout_redirect_uris", RedirectUris.MaximumCount);
        if (uris is not null && RedirectUris.Check(uris, isNative) is { } refused)
            members.Refuse(Errors.MetadataRefused("post_logout_redirect_uris", "addresses such as redirect_uris may hold") with { Code = refused.Code });
        return uris;
    }

    /// <summary>An address that this server, or a browser in its name, asks.</summary>
    private string? Asked(MetadataMembers members, string name)
    {
        var text = members.Text(name);
        if (text is null || RedirectUris.IsWellFormed(text, out var uri) && outbound.MayAsk(uri))
            return text;
        members.Refuse(Errors.MetadataRefused(name, "an https address without fragment or user"));
        return null;
    }

    private void CheckKeys(MetadataMembers members, ClientMetadata metadata, bool areNeeded)
    {
        if (metadata is { Jwks: not null, JwksUri: not null })
            members.Refuse(Errors.KeysTwice);
        if (areNeeded && metadata is { Jwks: null, JwksUri: null })
            members.Refuse(Errors.KeysMissing);
        if (metadata.Jwks is not { } jwks)
            return;
        var utf8 = Encoding.UTF8.GetBytes(jwks.GetRawText());
        if (utf8.Length > MaximumJwksLength || !JwtVerifier.TryParse(utf8, SignatureAlgorithms.Served, out _) || !ClientKeys.IsStorable(jwks) || ClientKeys.HasPrivateKey(jwks)
            || areNeeded && ClientKeys.TryParse(utf8, metadata.TokenEndpointAuthSigningAlg, assertions.Algorithms) is null)
            members.Refuse(Errors.KeysUnusable);
    }
}
