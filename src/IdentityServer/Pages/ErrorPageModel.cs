namespace IdentityServer.Pages;

/// <summary>A refusal that is shown and not sent on, because nobody can be trusted to send it to.</summary>
/// <param name="Description">From the catalogue: it echoes nothing.</param>
/// <param name="ClientId">As the request names it; null: it names none, or is not shown.</param>
/// <param name="RedirectUri">Likewise.</param>
public sealed record ErrorPageModel(string Description, string? ClientId, string? RedirectUri);
