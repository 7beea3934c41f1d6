namespace IdentityServer.Accounts.Pages;

public sealed record ForgotPasswordModel(string Email, string? Error, string? EmailError, string? ReturnUrl, string SignInLink);

/// <param name="Token">As the link brought it; empty: the reader types it.</param>
public sealed record ResetPasswordModel(string Email, string Token, string PasswordHint, string? Error, string? EmailError, string? TokenError, string? PasswordError, string ForgotLink);

/// <param name="Token">Read and found good.</param>
public sealed record ConfirmEmailModel(string Token, string Email)
{
    /// <summary>It makes an account that another browser asked for.</summary>
    public bool AsksPassword { get; init; }

    /// <summary>What speaks of the whole form.</summary>
    public string? Error { get; init; }
    public string? PasswordError { get; init; }
}
