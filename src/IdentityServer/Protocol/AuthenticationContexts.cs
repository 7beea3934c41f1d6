namespace IdentityServer.Protocol;

/// <summary>Values of <c>acr</c> (OpenID Connect Core §2): an absolute URI, as §15.1 requires.</summary>
public static class AuthenticationContexts
{
    /// <summary>A password over a protected connection (SAML 2.0 Authentication Context §3.4.3, the widely known name).</summary>
    public const string Password = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

    public static readonly string[] Served = [Password];
}
