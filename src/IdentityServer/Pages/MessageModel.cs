namespace IdentityServer.Pages;

/// <summary>A message with at most one link.</summary>
/// <param name="IsRefusal">Screen readers read it out at once.</param>
public sealed record MessageModel(string Title, string Text, PageLink? Link, bool IsRefusal = false);

/// <param name="Address">Relative.</param>
public sealed record PageLink(string Address, string Text);
