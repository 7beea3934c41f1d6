namespace IdentityServer.Pages;

/// <summary>Where the pages are, below the issuer.</summary>
internal static class Routes
{
    public const string Style = "/account/style.css";
    public const string SignIn = "/account/sign-in";
    public const string Consent = "/account/consent";

    public const string Authorize = "/connect/authorize";
}
