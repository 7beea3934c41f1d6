namespace IdentityServer.Accounts.Pages;

/// <param name="PasswordHint">What a password must be.</param>
/// <param name="Error">What speaks of the whole form.</param>
/// <param name="Errors">By the name of the field.</param>
public sealed record RegisterModel(
    string UserName, string Email, string FullName, string PasswordHint, string? Error, IReadOnlyDictionary<string, string> Errors,
    string? ReturnUrl, string SignInLink)
{
    private static readonly string[] Fields = ["full_name", "email", "username", "password"];

    public string? ErrorOf(string field) => Errors.GetValueOrDefault(field);

    /// <summary>Where the reader begins: at the first field that is refused, else at the first.</summary>
    public bool IsFocused(string field) => field == (Array.Find(Fields, Errors.ContainsKey) ?? Fields[0]);
}
