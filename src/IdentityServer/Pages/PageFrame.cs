namespace IdentityServer.Pages;

/// <summary>What every page stands in. Public like the models of pages, because Razor makes its components so.</summary>
/// <param name="Nonce">Of the page's own style and script (Content Security Policy 3 §2.3.1).</param>
/// <param name="AntiforgeryToken">For the hidden field <see cref="AntiforgeryField"/> of each form; empty where a page has none.</param>
/// <param name="PathBase">The issuer's path, before every address of ours.</param>
/// <param name="Texts">In the reader's language.</param>
public sealed record PageFrame(string Nonce, string AntiforgeryField, string AntiforgeryToken, BrandingSettings Branding, string PathBase, Texts Texts);
