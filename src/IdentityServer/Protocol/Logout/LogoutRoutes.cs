namespace IdentityServer.Protocol.Logout;

/// <summary>The sign-out pages, relative to the issuer.</summary>
internal static class LogoutRoutes
{
    public const string Confirm = "/account/sign-out";
    public const string SignedOut = "/account/signed-out";
}
