using System.Text.Json;
using IdentityServer.Http;
using IdentityServer.Settings;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.ClientRegistration;

/// <summary>The answer to a registration, a look or a change (RFC 7591 §3.2.1, RFC 7592 §3): all that is registered, and nothing else.</summary>
/// <param name="Secret">Where one was made just now: it is kept as a hash, and told this once.</param>
/// <param name="Token">The registration access token.</param>
internal sealed record RegisteredClient(ClientRow Row, string? Secret, string Token)
{
    public void WriteTo(Utf8JsonWriter json, IssuerSettings issuer)
    {
        json.WriteString(Parameters.ClientId, Row.ClientId);
        json.WriteNumber("client_id_issued_at", Row.RegisteredAt!.Value.ToUnixTimeSeconds());
        if (Secret is not null)
        {
            json.WriteString(Parameters.ClientSecret, Secret);
            // RFC 7591 §3.2.1: required beside a secret; 0 for one that does not expire.
            json.WriteNumber("client_secret_expires_at", 0);
        }
        json.WriteString("registration_access_token", Token);
        json.WriteString("registration_client_uri", $"{issuer.At(ProtocolRoutes.Register)}/{Row.ClientId}");
        json.WriteString("token_endpoint_auth_method", Row.AuthMethod);
        Write(json, "grant_types", Row.GrantTypes);
        Write(json, "response_types", Row.GrantTypes.Contains(GrantTypes.AuthorizationCode) ? ["code"] : []);
        Write(json, "redirect_uris", Row.RedirectUris);
        if (Row.Name is not null)
            json.WriteString("client_name", Row.Name);
        OAuthAnswer.WriteScope(json, string.Join(' ', Row.Scopes));
        using var metadata = JsonDocument.Parse(Row.Metadata);
        foreach (var member in metadata.RootElement.EnumerateObject())
            member.WriteTo(json);
    }

    private static void Write(Utf8JsonWriter json, string name, string[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
