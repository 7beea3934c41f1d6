using System.Text.Json;
using IdentityServer.ClientAuthentication;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using IdentityServer.Tokens;

namespace IdentityServer.Discovery;

/// <summary>
/// The metadata of RFC 8414 and OpenID Connect Discovery, one document at both places, and the JWKS (RFC 7517 §5).
/// Built from what is served, never from the request.
/// </summary>
internal sealed class DiscoveryEndpoint(IssuerSettings issuer, CurrentConfiguration configuration, CurrentKeys keys)
{
    public Task HandleMetadataAsync(HttpContext http) => WriteAsync(http, json =>
    {
        var served = configuration.Value;
        json.WriteString("issuer", issuer.Issuer);
        json.WriteString("token_endpoint", issuer.At(Routes.Token));
        json.WriteString("jwks_uri", issuer.At(Routes.Jwks));
        json.WriteString("revocation_endpoint", issuer.At(Routes.Revoke));
        json.WriteString("introspection_endpoint", issuer.At(Routes.Introspect));
        WriteLogout(json);
        json.WriteString("device_authorization_endpoint", issuer.At(Routes.DeviceAuthorization));
        Write(json, "scopes_supported", served.Scopes.Tokens);
        // Required by RFC 8414 §2; there is no authorization endpoint yet to use any.
        Write(json, "response_types_supported", []);
        Write(json, "grant_types_supported", GrantTypes.Served.Where(grant => IsOffered(served, grant)));
        WriteClientAuthentication(json, "token_endpoint", TokenEndpointAuthMethods.Served);
        WriteClientAuthentication(json, "revocation_endpoint", TokenEndpointAuthMethods.Served);
        WriteClientAuthentication(json, "introspection_endpoint", TokenEndpointAuthMethods.Confidential);
        Write(json, "subject_types_supported", ["public"]);
    });

    /// <summary>RP-Initiated Logout §2.1, Back-Channel Logout §2.1.</summary>
    private void WriteLogout(Utf8JsonWriter json)
    {
        json.WriteString("end_session_endpoint", issuer.At(Routes.EndSession));
        json.WriteBoolean("backchannel_logout_supported", true);
        json.WriteBoolean("backchannel_logout_session_supported", true);
    }

    public Task HandleJwksAsync(HttpContext http) => WriteAsync(http, json =>
    {
        json.WriteStartArray("keys");
        foreach (var key in keys.Value.Published.Keys)
            key.WriteTo(json);
        json.WriteEndArray();
    });

    /// <summary>The password grant is shown only when a client has it.</summary>
    private static bool IsOffered(ServerConfiguration served, string grantType) =>
        grantType != GrantTypes.Password || served.GrantTypesInUse.Contains(grantType);

    private static void WriteClientAuthentication(Utf8JsonWriter json, string endpoint, string[] methods)
    {
        Write(json, $"{endpoint}_auth_methods_supported", methods);
        Write(json, $"{endpoint}_auth_signing_alg_values_supported", ClientAssertions.Algorithms);
    }

    private static Task WriteAsync(HttpContext http, Action<Utf8JsonWriter> write)
    {
        http.Response.Headers.CacheControl = "no-store";
        return JsonAnswer.WriteAsync(http.Response, write, static (json, write) => write(json));
    }

    private static void Write(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
