namespace IdentityServer.Pages;

/// <summary>A refusal shown to the user, because there is no trusted address to redirect to.</summary>
/// <param name="Description">One of <c>Errors</c>; echoes nothing.</param>
/// <param name="ClientId">As the request names it; null: not given, or not shown.</param>
/// <param name="RedirectUri">Likewise.</param>
public sealed record ErrorPageModel(string Description, string? ClientId, string? RedirectUri);
