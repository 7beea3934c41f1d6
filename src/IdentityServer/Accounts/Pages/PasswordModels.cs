namespace IdentityServer.Accounts.Pages;

public sealed record ForgotPasswordModel(string Email, string? Error, string? EmailError, string? ReturnUrl, string SignInLink);

/// <param name="Token">As the link brought it; empty: the reader types it.</param>
public sealed record ResetPasswordModel(string Email, string Token, string PasswordHint, string? Error, string? EmailError, string? TokenError, string? PasswordError, string ForgotLink);

/// <param name="Token">Read and found good.</param>
public sealed record ConfirmEmailModel(string Token, string Email);
