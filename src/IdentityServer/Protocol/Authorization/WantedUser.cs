using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.Authorization;

/// <summary>The user that the answer must be about, from <c>id_token_hint</c> or the claim <c>sub</c> (OpenID Connect Core §3.1.2.1, §5.5.1).</summary>
internal sealed class WantedUser(IdTokens idTokens)
{
    /// <summary>Empty: any.</summary>
    public Result<string> SubjectOf(AuthorizationRequest request)
    {
        if (request.IdTokenHint is null)
            return request.Claims.Subject ?? "";
        if (idTokens.FindGenuine(request.IdTokenHint) is not { } hint || !hint.Audience.Contains(request.Client.ClientId))
            return Errors.IdTokenHintRefused;
        return hint.Subject;
    }
}
