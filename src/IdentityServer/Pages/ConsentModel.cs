namespace IdentityServer.Pages;

/// <summary>Who asks, and for what, in words.</summary>
/// <param name="Items">What it may do if it is allowed.</param>
/// <param name="ReturnsTo">The host or scheme of the address that the answer goes to: what no client can dress up.</param>
/// <param name="Ticket">Comes back with the answer.</param>
public sealed record ConsentModel(
    string ClientName, string? ClientUri, string? LogoUri, string? PolicyUri, string? TosUri, string UserName,
    IReadOnlyList<string> Items, string ReturnsTo, string Ticket);
