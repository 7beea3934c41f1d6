using IdentityServer.Clients;
using IdentityServer.Protocol.AuthorizationRequests;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Authorization;

/// <summary>When the user is asked whether a client may have what it asks for, and what of it has to be asked.</summary>
internal static class ConsentRules
{
    /// <param name="hasJustSignedIn">The user was authenticated for this very request.</param>
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
        // RFC 8252 §8.6: any program may listen at the address of a native one, so that it gets nothing without somebody noticing.
        return IsImpersonable(request) && !hasJustSignedIn;
    }

    /// <summary>A client that registered itself is nobody's first-party application, whatever it says.</summary>
    public static bool IsNeeded(Client client) => client.Metadata.RequireConsent != false || client.IsDynamic;

    /// <summary>Claims that are asked for one by one and by no scope of the request.</summary>
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
