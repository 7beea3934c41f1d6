namespace IdentityServer.Protocol.Logout;

/// <summary>Asks the signed-in user whether to sign out. Public because Razor components are.</summary>
/// <param name="UserName">The signed-in user.</param>
/// <param name="ClientName">The application that asks; null: not given.</param>
/// <param name="Problem">Why the page can't lead back to an application; one of <c>Errors</c>.</param>
/// <param name="Fields">Hidden fields passed on with the answer.</param>
public sealed record ConfirmModel(string UserName, string? ClientName, string? Problem, IReadOnlyList<KeyValuePair<string, string>> Fields);

/// <param name="Problem">Why there was no redirect; null: signing out succeeded.</param>
public sealed record SignedOutModel(string? Problem);
