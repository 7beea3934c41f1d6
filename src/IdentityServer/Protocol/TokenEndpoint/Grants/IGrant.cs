using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>A grant type: check, spend, return what to issue. Every check comes before the spend.</summary>
internal interface IGrant
{
    ValueTask<Result<Issuance>> HandleAsync(TokenRequest request);
}
