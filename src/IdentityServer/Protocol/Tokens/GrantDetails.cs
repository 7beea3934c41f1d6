using System.Text.Json;
using System.Text.Json.Serialization;

namespace IdentityServer.Protocol.Tokens;

/// <summary>The parts of an authorization that only ID tokens and userinfo need: the column <c>grants.details</c>.</summary>
internal sealed record GrantDetails
{
    public static readonly GrantDetails None = new();

    /// <summary>From the request; only in the first ID token (OpenID Connect Core §12.2).</summary>
    public string? Nonce { get; init; }

    /// <summary>One of <see cref="Protocol.AuthenticationContexts"/>.</summary>
    public string? Acr { get; init; }

    /// <summary>RFC 8176.</summary>
    public string[]? Amr { get; init; }

    /// <summary>Claims requested one by one for the ID token (OpenID Connect Core §5.5).</summary>
    public string[]? IdTokenClaims { get; init; }

    /// <summary>The same for userinfo.</summary>
    public string[]? UserInfoClaims { get; init; }

    public static GrantDetails Parse(string? json) => json is null ? None : JsonSerializer.Deserialize(json, GrantDetailsJson.Default.GrantDetails) ?? None;

    public override string ToString() => JsonSerializer.Serialize(this, GrantDetailsJson.Default.GrantDetails);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(GrantDetails))]
internal sealed partial class GrantDetailsJson : JsonSerializerContext;
