namespace IdentityServer.Accounts.Pages;

/// <param name="PasswordHint">The password requirements.</param>
/// <param name="Error">An error about the whole form.</param>
/// <param name="Errors">By the name of the field.</param>
public sealed record RegisterModel(
    string UserName, string Email, string FullName, string PasswordHint, string? Error, IReadOnlyDictionary<string, string> Errors,
    string? ReturnUrl, string SignInLink)
{
    private static readonly string[] Fields = ["full_name", "email", "username", "password"];

    public string? ErrorOf(string field) => Errors.GetValueOrDefault(field);

    /// <summary>The field to focus: the first with an error, or the first.</summary>
    public bool IsFocused(string field) => field == (Array.Find(Fields, Errors.ContainsKey) ?? Fields[0]);
}
