namespace IdentityServer.Accounts.Pages;

/// <param name="ClientName">Whose authorization request waits; null: none does.</param>
/// <param name="UserName">As it was typed, or as the client guesses it. The password never comes back.</param>
/// <param name="Notice">What went well just before.</param>
/// <param name="Error">What speaks of both fields.</param>
/// <param name="ReturnUrl">Checked; null: the account page.</param>
public sealed record SignInModel(
    string? ClientName, string? UserName, bool IsRemembered, string? Notice, string? Error,
    string? UserNameError, string? PasswordError, string? ReturnUrl, string RegisterLink, string ForgotLink);
