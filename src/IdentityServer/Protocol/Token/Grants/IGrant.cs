using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.Token.Grants;

/// <summary>A grant type: check, spend, say what it has earned. Every check stands before the spend.</summary>
internal interface IGrant
{
    ValueTask<Result<Issuance>> HandleAsync(TokenRequest request);
}
