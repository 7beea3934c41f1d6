namespace IdentityServer.Pages;

/// <summary>Which client asks, and for what, in words.</summary>
/// <param name="Items">What the client may do if allowed.</param>
/// <param name="ReturnsTo">The host or scheme of the address that the answer goes to, which no client can disguise.</param>
/// <param name="Ticket">Returned with the answer.</param>
public sealed record ConsentModel(
    string ClientName, string? ClientUri, string? LogoUri, string? PolicyUri, string? TosUri, string UserName,
    IReadOnlyList<string> Items, string ReturnsTo, string Ticket);
