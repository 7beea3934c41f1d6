namespace IdentityServer.Protocol.Tokens;

/// <summary>An issued access token (RFC 9068).</summary>
/// <param name="ExpiresIn">Whole seconds from now.</param>
/// <param name="Type">How it is to be used: <c>Bearer</c>, or <c>DPoP</c> when it is bound to a key.</param>
internal sealed record AccessToken(string Text, int ExpiresIn, string Type);
