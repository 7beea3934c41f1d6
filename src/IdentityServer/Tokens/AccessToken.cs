namespace IdentityServer.Tokens;

/// <summary>An issued access token (RFC 9068).</summary>
/// <param name="ExpiresIn">Whole seconds from now.</param>
internal sealed record AccessToken(string Text, int ExpiresIn);
