namespace IdentityServer.Accounts.Pages;

/// <param name="ClientName">The client whose authorization request is waiting; null: none.</param>
/// <param name="UserName">As typed, or as the client suggests. The password is never sent back.</param>
/// <param name="Notice">A success to report.</param>
/// <param name="Error">An error about both fields.</param>
/// <param name="ReturnUrl">Validated; null: the account page.</param>
public sealed record SignInModel(
    string? ClientName, string? UserName, bool IsRemembered, string? Notice, string? Error,
    string? UserNameError, string? PasswordError, string? ReturnUrl, string RegisterLink, string ForgotLink);
