namespace IdentityServer.Protocol;

/// <summary>The protocol endpoints, relative to the issuer. Used for routing and discovery.</summary>
internal static class ProtocolRoutes
{
    public const string Authorize = "/connect/authorize";
    public const string UserInfo = "/connect/userinfo";
    public const string Token = "/connect/token";
    public const string Revoke = "/connect/revoke";
    public const string Introspect = "/connect/introspect";
    public const string EndSession = "/connect/logout";
    public const string PushedAuthorization = "/connect/par";
    public const string DeviceAuthorization = "/connect/device_authorization";
    public const string Revocations = "/connect/revocations";
    public const string Register = "/connect/register";
    public const string Jwks = "/.well-known/jwks";
    public const string OpenIdConfiguration = "/.well-known/openid-configuration";
    public const string AuthorizationServer = "/.well-known/oauth-authorization-server";
}
