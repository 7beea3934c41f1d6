using IdentityServer.Clients;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Authorization;

/// <summary>Decides when the user is asked for consent, and for what.</summary>
internal static class ConsentRules
{
    /// <param name="hasJustSignedIn">Whether the user was authenticated for this very request.</param>
    public static bool MustAsk(AuthorizationRequest request, SessionState session, bool hasJustSignedIn)
    {
        if (request.Prompt.HasFlag(Prompts.Consent))
            return true;
        if (!IsNeeded(request.Client))
            return false;
        var isCovered = session.ConsentedScopes is { } scopes && request.Scopes.IsSubsetOf(ScopeSet.Of(scopes))
            && ClaimsOf(request).All(claim => session.ConsentedClaims!.Contains(claim));
        if (!isCovered)
            return true;
        // RFC 8252 §8.6: any program may listen at a native application's address, so it must not get anything unnoticed.
        return IsImpersonable(request) && !hasJustSignedIn;
    }

    /// <summary>A client that registered itself is never a first-party application, whatever it claims.</summary>
    public static bool IsNeeded(Client client) => client.Metadata.RequireConsent != false || client.IsDynamic;

    /// <summary>Claims requested one by one and not covered by a scope of the request.</summary>
    public static string[] ClaimsOf(AuthorizationRequest request)
    {
        if (request.Claims.IdToken.Length == 0 && request.Claims.UserInfo.Length == 0)
            return [];
        var byScope = UserClaims.Wanted(request.Scopes, null);
        return [.. request.Claims.IdToken.Concat(request.Claims.UserInfo).Where(claim => UserClaims.Served.Contains(claim) && !byScope.Contains(claim)).Distinct(StringComparer.Ordinal)];
    }

    private static bool IsImpersonable(AuthorizationRequest request) =>
        request.Client.IsPublic && !request.Target.RedirectUri.StartsWith("https:", StringComparison.OrdinalIgnoreCase);
}
