namespace IdentityServer.Pages;

/// <summary>The pages, relative to the issuer.</summary>
internal static class PageRoutes
{
    public const string Style = "/account/style.css";
    public const string SignIn = "/account/sign-in";
    public const string Register = "/account/register";
    public const string ForgotPassword = "/account/forgot-password";
    public const string ResetPassword = "/account/reset-password";
    public const string ConfirmEmail = "/account/confirm-email";
    public const string Consent = "/account/consent";

    /// <summary>These require a signed-in user.</summary>
    public const string Account = "/account";
    public const string Profile = "/account/profile";
    public const string Password = "/account/password";
    public const string Sessions = "/account/sessions";
    public const string Applications = "/account/applications";
    public const string SignOut = "/account/sign-out";

    public const string Device = "/device";
}
