using IdentityServer.Protocol;

namespace IdentityServer.Token.Grants;

/// <summary>A grant type: check, spend, say what is issued. Every check stands before the spend.</summary>
internal interface IGrant
{
    ValueTask<Result<TokenResponse>> HandleAsync(TokenRequest request);
}
