namespace IdentityServer.Protocol.Logout;

/// <summary>Asks who is signed in whether to sign out. Public because Razor makes its components so.</summary>
/// <param name="UserName">Who is signed in.</param>
/// <param name="ClientName">The application that asks; null: nobody said.</param>
/// <param name="Problem">Why the way does not lead back to an application; from the catalogue.</param>
/// <param name="Fields">What it carries on.</param>
public sealed record ConfirmModel(string UserName, string? ClientName, string? Problem, IReadOnlyList<KeyValuePair<string, string>> Fields);

/// <param name="Problem">Why nothing was sent on; null: all went well.</param>
public sealed record SignedOutModel(string? Problem);
