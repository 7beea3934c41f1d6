namespace IdentityServer.Accounts.Pages;

/// <param name="PasswordHint">What a password must be.</param>
/// <param name="Error">What speaks of the whole form.</param>
/// <param name="Errors">By the name of the field.</param>
public sealed record RegisterModel(
    string UserName, string Email, string FullName, string PasswordHint, string? Error, IReadOnlyDictionary<string, string> Errors,
    string? ReturnUrl, string SignInLink)
{
    public string? ErrorOf(string field) => Errors.GetValueOrDefault(field);
}
