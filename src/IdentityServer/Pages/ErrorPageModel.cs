namespace IdentityServer.Pages;

/// <summary>A refusal that is shown and not sent on, because nobody can be trusted to send it to.</summary>
/// <param name="Description">From the catalogue: it echoes nothing.</param>
public sealed record ErrorPageModel(string Description);
