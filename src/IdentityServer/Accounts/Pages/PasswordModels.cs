namespace IdentityServer.Accounts.Pages;

public sealed record ForgotPasswordModel(string Email, string? Error, string? EmailError, string? ReturnUrl, string SignInLink);

/// <param name="Token">From the link; empty: the user types it.</param>
public sealed record ResetPasswordModel(string Email, string Token, string PasswordHint, string? Error, string? EmailError, string? TokenError, string? PasswordError, string ForgotLink);

/// <param name="Token">A valid token.</param>
public sealed record ConfirmEmailModel(string Token, string Email)
{
    /// <summary>The link creates an account that was requested in another browser.</summary>
    public bool AsksPassword { get; init; }

    /// <summary>An error about the whole form.</summary>
    public string? Error { get; init; }
    public string? PasswordError { get; init; }
}
