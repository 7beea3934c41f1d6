using System.Text.Json;
using System.Text.Json.Serialization;

namespace IdentityServer.Clients;

/// <summary>
/// The client metadata of RFC 7591 §2, OpenID Connect Registration §2 and their extensions that has no column of its own;
/// stored as one JSON object under those names. Missing members have the standard's default.
/// </summary>
internal sealed record ClientMetadata
{
    public static readonly ClientMetadata None = new();

    /// <summary><c>web</c> or <c>native</c>; null: web.</summary>
    public string? ApplicationType { get; init; }
    public string? ClientUri { get; init; }
    public string? LogoUri { get; init; }
    public string? PolicyUri { get; init; }
    public string? TosUri { get; init; }
    public string[]? Contacts { get; init; }
    public string? SoftwareId { get; init; }
    public string? SoftwareVersion { get; init; }

    /// <summary>False lets a confidential client work without PKCE (RFC 7636). Our own member: there is no registered name.</summary>
    public bool? RequirePkce { get; init; }

    /// <summary>False for first-party clients, whose users are not asked. Our own member.</summary>
    public bool? RequireConsent { get; init; }

    /// <summary>RFC 9126 §6.</summary>
    public bool? RequirePushedAuthorizationRequests { get; init; }

    /// <summary>RFC 9449 §5.2.</summary>
    public bool? DpopBoundAccessTokens { get; init; }

    /// <summary>RFC 8705 §3.4.</summary>
    public bool? TlsClientCertificateBoundAccessTokens { get; init; }

    // RFC 8705 §2.1.2: at most one.
    public string? TlsClientAuthSubjectDn { get; init; }
    public string? TlsClientAuthSanDns { get; init; }
    public string? TlsClientAuthSanUri { get; init; }
    public string? TlsClientAuthSanIp { get; init; }
    public string? TlsClientAuthSanEmail { get; init; }

    /// <summary>Seconds (OpenID Connect Registration §2).</summary>
    public int? DefaultMaxAge { get; init; }
    public bool? RequireAuthTime { get; init; }
    public string[]? DefaultAcrValues { get; init; }
    public string? InitiateLoginUri { get; init; }

    /// <summary>Null: RS256.</summary>
    public string? IdTokenSignedResponseAlg { get; init; }

    /// <summary>Null: userinfo is plain JSON.</summary>
    public string? UserinfoSignedResponseAlg { get; init; }

    /// <summary>RP-Initiated Logout §3.1.</summary>
    public string[]? PostLogoutRedirectUris { get; init; }

    /// <summary>Back-Channel Logout §2.2.</summary>
    public string? BackchannelLogoutUri { get; init; }
    public bool? BackchannelLogoutSessionRequired { get; init; }

    /// <summary>The algorithm of <c>private_key_jwt</c> assertions; null: any that the server accepts.</summary>
    public string? TokenEndpointAuthSigningAlg { get; init; }

    /// <summary>A JWK Set (RFC 7517 §5); excludes <see cref="JwksUri"/>.</summary>
    public JsonElement? Jwks { get; init; }
    public string? JwksUri { get; init; }

    public static ClientMetadata Parse(string json) => JsonSerializer.Deserialize(json, ClientMetadataJson.Default.ClientMetadata) ?? None;

    /// <summary>A canonical text: the same for equal content, whatever order and spacing it was stored in.</summary>
    public override string ToString() => JsonSerializer.Serialize(this, ClientMetadataJson.Default.ClientMetadata);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ClientMetadata))]
internal sealed partial class ClientMetadataJson : JsonSerializerContext;
