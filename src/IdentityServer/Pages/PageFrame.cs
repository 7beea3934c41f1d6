namespace IdentityServer.Pages;

/// <summary>The data that every page needs. Public like the page models, because Razor components are.</summary>
/// <param name="Nonce">For the page's own style and script (Content Security Policy 3 §2.3.1).</param>
/// <param name="AntiforgeryToken">For the hidden field <see cref="AntiforgeryField"/> of each form; empty where a page has none.</param>
/// <param name="PathBase">The issuer's path, before every address of ours.</param>
/// <param name="Texts">In the reader's language.</param>
public sealed record PageFrame(string Nonce, string AntiforgeryField, string AntiforgeryToken, BrandingSettings Branding, string PathBase, Texts Texts);
