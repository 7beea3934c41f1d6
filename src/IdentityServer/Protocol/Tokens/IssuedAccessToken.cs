namespace IdentityServer.Protocol.Tokens;

/// <summary>An issued access token (RFC 9068).</summary>
/// <param name="ExpiresIn">Whole seconds from now.</param>
/// <param name="Type">How to use it: <c>Bearer</c>, or <c>DPoP</c> if it is bound to a key.</param>
internal sealed record IssuedAccessToken(string Text, int ExpiresIn, string Type);
