namespace IdentityServer.Pages;

/// <summary>An answer that the browser carries to the client in the body of a post (OAuth 2.0 Form Post Response Mode §2).</summary>
public sealed record FormPostModel(string Address, IReadOnlyList<KeyValuePair<string, string>> Members);
