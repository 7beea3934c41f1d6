using IdentityServer.Protocol;
using IdentityServer.Tokens;

namespace IdentityServer.Token.Grants;

/// <summary>A grant type: check, spend, say what it has earned. Every check stands before the spend.</summary>
internal interface IGrant
{
    ValueTask<Result<Issuance>> HandleAsync(TokenRequest request);
}
