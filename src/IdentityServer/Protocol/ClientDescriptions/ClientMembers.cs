using System.Text;
using System.Text.Json.Nodes;
using IdentityServer.Clients;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.ClientAuthentication;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Protocol.ClientDescriptions;

/// <summary>
/// The members of a client (RFC 7591 §2, OpenID Connect Registration §2) that a manifest has and a client that
/// registers itself sends. Each is here once, for both and for the manifest's JSON Schema.
/// </summary>
internal static class ClientMembers
{
    private const int MaximumJwksLength = 32 * 1024;

    /// <param name="IsOfOperator">Opens a door of ours; ignored where a stranger says it.</param>
    private sealed record Member(JsonObject Schema, Func<Node, Speaker, JsonNode> Read, bool IsOfOperator = false);

    /// <summary>Those that <see cref="ClientMetadata"/> keeps; of <c>subject_type</c> there is nothing to keep (OpenID Connect Core §8: a <c>sub</c> is the same for all clients).</summary>
    private static readonly Dictionary<string, Member> Metadata = new(StringComparer.Ordinal)
    {
        ["application_type"] = OneOf("web", "native"),
        ["client_uri"] = Page(),
        ["logo_uri"] = Page(),
        ["policy_uri"] = Page(),
        ["tos_uri"] = Page(),
        ["contacts"] = Texts(20, 254),
        ["software_id"] = Text(200),
        ["software_version"] = Text(200),
        ["subject_type"] = OneOf("public"),
        ["require_pkce"] = Flag() with { IsOfOperator = true },
        ["require_consent"] = Flag() with { IsOfOperator = true },
        ["require_pushed_authorization_requests"] = Flag(),
        ["dpop_bound_access_tokens"] = Flag(),
        ["tls_client_certificate_bound_access_tokens"] = Flag(),
        ["tls_client_auth_subject_dn"] = Text(CertificateSubject.MaximumLength),
        ["tls_client_auth_san_dns"] = Text(CertificateSubject.MaximumLength),
        ["tls_client_auth_san_uri"] = Text(CertificateSubject.MaximumLength),
        ["tls_client_auth_san_ip"] = Text(CertificateSubject.MaximumLength),
        ["tls_client_auth_san_email"] = Text(CertificateSubject.MaximumLength),
        ["default_max_age"] = new(JsonSchema.Number(0, int.MaxValue), (node, _) => node.Number(0, int.MaxValue)),
        ["require_auth_time"] = Flag(),
        ["default_acr_values"] = Texts(20, 200),
        ["initiate_login_uri"] = Asked(),
        ["id_token_signed_response_alg"] = OneOf(SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256),
        ["userinfo_signed_response_alg"] = OneOf(SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256),
        ["post_logout_redirect_uris"] = new(
            JsonSchema.Set(Speaker.Operator.MaximumRedirectUris, JsonSchema.Uri()), (node, speaker) => Array(node.Set(speaker.MaximumRedirectUris, uri => uri.AbsoluteUri(), !speaker.IsOperator))),
        ["backchannel_logout_uri"] = Asked(),
        ["backchannel_logout_session_required"] = Flag(),
        ["token_endpoint_auth_signing_alg"] = new(JsonSchema.OneOf(SignatureAlgorithms.Served), (node, speaker) => node.OneOf(speaker.AssertionAlgorithms)),
        ["jwks"] = new(new() { ["type"] = "object" }, (node, _) => ReadJwks(node)),
        ["jwks_uri"] = Asked(),
    };

    public static readonly IReadOnlyCollection<string> OfMetadata = Metadata.Keys;

    public static readonly Dictionary<string, JsonObject> Schema = new(Metadata.ToDictionary(member => member.Key, member => member.Value.Schema), StringComparer.Ordinal)
    {
        ["client_name"] = JsonSchema.Text(200),
        ["grant_types"] = JsonSchema.Set(GrantTypes.Served.Length, JsonSchema.OneOf(GrantTypes.Served)),
        ["response_types"] = JsonSchema.Set(1, JsonSchema.OneOf("code")),
        ["redirect_uris"] = JsonSchema.Set(Speaker.Operator.MaximumRedirectUris, JsonSchema.Uri()),
        ["token_endpoint_auth_method"] = JsonSchema.OneOf(TokenEndpointAuthMethods.Served),
    };

    /// <exception cref="JsonMistake">One of them is none.</exception>
    public static ClientDescription Read(NodeObject client, Speaker speaker)
    {
        string[]? Set(string name, int maximum, Func<Node, string> read) => client.Find(name)?.Set(maximum, read, isMerged: !speaker.IsOperator);

        var redirectUris = Set("redirect_uris", speaker.MaximumRedirectUris, uri => uri.AbsoluteUri()) ?? [];
        return new(
            client.Path,
            client.Find("client_name")?.Line(200),
            client.Find("token_endpoint_auth_method")?.OneOf(speaker.AuthMethods) ?? TokenEndpointAuthMethods.ClientSecretBasic,
            Set("grant_types", 20, grant => grant.OneOf(speaker.GrantTypes)) ?? speaker.DefaultGrantTypes(redirectUris),
            Set("response_types", 10, type => type.OneOf("code")),
            redirectUris,
            ReadMetadata(client, speaker));
    }

    private static ClientMetadata ReadMetadata(NodeObject client, Speaker speaker)
    {
        var read = new JsonObject();
        foreach (var (name, member) in Metadata)
        {
            if ((speaker.IsOperator || !member.IsOfOperator) && client.Find(name) is { } node)
                read[name] = member.Read(node, speaker);
        }
        return ClientMetadata.Parse(read.ToJsonString());
    }

    private static Member Text(int maximum) => new(JsonSchema.Text(maximum), (node, _) => node.Text(maximum));

    private static Member Texts(int count, int maximum) =>
        new(JsonSchema.Set(count, JsonSchema.Text(maximum)), (node, speaker) => Array(node.Set(count, text => text.Text(maximum), !speaker.IsOperator)));

    private static Member OneOf(params string[] may) => new(JsonSchema.OneOf(may), (node, _) => node.OneOf(may));

    private static Member Flag() => new(JsonSchema.Flag(), (node, _) => node.Flag());

    private static Member Page() => new(JsonSchema.Uri(), (node, _) => node.Page());

    /// <summary>An address that this server, or a browser in its name, asks.</summary>
    private static Member Asked() => new(JsonSchema.Uri(), (node, speaker) =>
    {
        var uri = node.AbsoluteUri();
        return RedirectUris.IsWellFormed(uri, out var parsed) && (speaker.MayAsk?.Invoke(parsed) ?? parsed.Scheme is "http" or "https")
            ? uri
            : throw node.Must("an https address in ASCII without fragment or user");
    });

    private static JsonObject ReadJwks(Node node)
    {
        var utf8 = Encoding.UTF8.GetBytes(node.Value.GetRawText());
        var mistake = utf8.Length > MaximumJwksLength ? $"is longer than {MaximumJwksLength} octets."
            : !JwtVerifier.TryParse(utf8, SignatureAlgorithms.Served, out _) ? "is no JWK Set (RFC 7517 §5)."
            : !ClientKeys.IsStorable(node.Value) ? "holds a text with a NUL, or a number with an exponent or of more than 40 digits."
            : ClientKeys.HasPrivateKey(node.Value) ? "holds a private or symmetric key, which is the client's alone."
            : null;
        if (mistake is not null)
            throw new JsonMistake(node.Path, mistake) { Refusal = Errors.KeysUnusable };
        return JsonObject.Create(node.Value)!;
    }

    private static JsonArray Array(string[] texts) => new([.. texts.Select(text => (JsonNode?)text)]);
}
