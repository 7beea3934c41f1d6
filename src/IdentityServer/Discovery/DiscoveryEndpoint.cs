using System.Text.Json;
using IdentityServer.AuthorizationRequests;
using IdentityServer.Configuration;
using IdentityServer.Http;
using IdentityServer.Protocol;
using IdentityServer.Settings;
using IdentityServer.Tokens;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Discovery;

/// <summary>
/// The metadata of RFC 8414 and OpenID Connect Discovery, one document at both places, and the JWKS (RFC 7517 §5).
/// Built from what is served, never from the request.
/// </summary>
internal sealed class DiscoveryEndpoint(
    IssuerSettings issuer, CurrentConfiguration configuration, CurrentKeys keys, ClientRegistrationSettings registration, PushedRequestSettings pushing,
    ClientAssertionSettings assertions, DpopSettings dpop)
{
    private static readonly string[] SigningAlgorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256];

    public Task HandleMetadataAsync(HttpContext http) => WriteAsync(http, json =>
    {
        var served = configuration.Value;
        json.WriteString("issuer", issuer.Issuer);
        json.WriteString("token_endpoint", issuer.At(Routes.Token));
        json.WriteString("jwks_uri", issuer.At(Routes.Jwks));
        json.WriteString("revocation_endpoint", issuer.At(Routes.Revoke));
        json.WriteString("introspection_endpoint", issuer.At(Routes.Introspect));
        WriteLogout(json);
        if (registration.IsOn)
            json.WriteString("registration_endpoint", issuer.At(Routes.Register));
        json.WriteString("device_authorization_endpoint", issuer.At(Routes.DeviceAuthorization));
        json.WriteString("pushed_authorization_request_endpoint", issuer.At(Routes.PushedAuthorization));
        json.WriteBoolean("require_pushed_authorization_requests", pushing.IsRequired);
        Write(json, "scopes_supported", served.Scopes.Tokens);
        WriteAuthorization(json);
        Write(json, "grant_types_supported", GrantTypes.Served.Where(grant => IsOffered(served, grant)));
        WriteClientAuthentication(json, "token_endpoint", TokenEndpointAuthMethods.Served);
        WriteClientAuthentication(json, "revocation_endpoint", TokenEndpointAuthMethods.Served);
        WriteClientAuthentication(json, "introspection_endpoint", TokenEndpointAuthMethods.Confidential);
        Write(json, "subject_types_supported", ["public"]);
        Write(json, "dpop_signing_alg_values_supported", dpop.Algorithms);
    });

    /// <summary>RP-Initiated Logout §2.1, Back-Channel Logout §2.1.</summary>
    private void WriteLogout(Utf8JsonWriter json)
    {
        json.WriteString("end_session_endpoint", issuer.At(Routes.EndSession));
        json.WriteBoolean("backchannel_logout_supported", true);
        json.WriteBoolean("backchannel_logout_session_supported", true);
    }

    private void WriteAuthorization(Utf8JsonWriter json)
    {
        json.WriteString("authorization_endpoint", issuer.At(Routes.Authorize));
        json.WriteString("userinfo_endpoint", issuer.At(Routes.UserInfo));
        Write(json, "response_types_supported", ResponseTypes.Served);
        Write(json, "response_modes_supported", ResponseModes.Served);
        Write(json, "code_challenge_methods_supported", [Pkce.S256]);
        Write(json, "id_token_signing_alg_values_supported", SigningAlgorithms);
        Write(json, "userinfo_signing_alg_values_supported", SigningAlgorithms);
        Write(json, "claims_supported", IdTokens.Claims.Concat(UserClaims.Served));
        json.WriteBoolean("claims_parameter_supported", true);
        json.WriteBoolean("request_parameter_supported", false);
        json.WriteBoolean("request_uri_parameter_supported", false);
        Write(json, "prompt_values_supported", PromptNames.Served);
        Write(json, "display_values_supported", ["page"]);
        Write(json, "ui_locales_supported", Pages.Languages.Served);
        Write(json, "acr_values_supported", AuthenticationContexts.Served);
        json.WriteBoolean("authorization_response_iss_parameter_supported", true);
    }

    public Task HandleJwksAsync(HttpContext http) => WriteAsync(http, json =>
    {
        json.WriteStartArray("keys");
        foreach (var key in keys.Value.Published)
            key.WritePublicKey(json);
        json.WriteEndArray();
    });

    /// <summary>The password grant is shown only when a client has it.</summary>
    private static bool IsOffered(ServerConfiguration served, string grantType) =>
        grantType != GrantTypes.Password || served.GrantTypesInUse.Contains(grantType);

    private void WriteClientAuthentication(Utf8JsonWriter json, string endpoint, string[] methods)
    {
        Write(json, $"{endpoint}_auth_methods_supported", methods);
        Write(json, $"{endpoint}_auth_signing_alg_values_supported", assertions.Algorithms);
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
