namespace IdentityServer.Accounts.Api;

/// <summary>The account API, relative to the issuer. Used for routing and documentation.</summary>
internal static class AccountRoutes
{
    public const string ApiRegister = "/api/register";
    public const string Register = "/register";
    public const string AuthRegister = "/auth/register";
    public const string ApiToken = "/api/token";
    public const string AuthToken = "/auth/token";
    public const string Login = "/login";
    public const string AuthLogin = "/auth/login";
    public const string Logout = "/logout";
    public const string AuthLogout = "/auth/logout";
    public const string ChangePassword = "/auth/change_password";
    public const string ResetPassword = "/auth/reset_password";
}
