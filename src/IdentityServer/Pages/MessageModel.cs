namespace IdentityServer.Pages;

/// <summary>Something to read, and at most one way on.</summary>
/// <param name="IsRefusal">It is read out at once.</param>
public sealed record MessageModel(string Title, string Text, PageLink? Link, bool IsRefusal = false);

/// <param name="Address">Relative.</param>
public sealed record PageLink(string Address, string Text);
