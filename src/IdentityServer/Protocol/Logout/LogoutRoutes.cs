namespace IdentityServer.Protocol.Logout;

/// <summary>Where people are asked and told, below the issuer.</summary>
internal static class LogoutRoutes
{
    public const string Confirm = "/account/sign-out";
    public const string SignedOut = "/account/signed-out";
}
