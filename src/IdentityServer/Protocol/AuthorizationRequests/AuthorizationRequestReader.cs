using System.Globalization;
using IdentityServer.Clients;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>
/// Checks the parameters of an authorization request against the client's registration, after OpenIddict's rules for each of
/// them. It is a pure function, so the authorization endpoint and a pushed request (RFC 9126 §2.1) get the same checks.
/// </summary>
internal static class AuthorizationRequestReader
{
    /// <summary>The most characters, form-urlencoded: during sign-in the request is part of another address. A longer one can be pushed.</summary>
    public const int MaximumLength = 4096;

    private const int MaximumNonceLength = 1024;
    private const int MaximumLoginHintLength = 320;

    /// <param name="target">Where the request's answer goes.</param>
    public static Result<AuthorizationRequest> Read(ServerConfiguration configuration, AuthorizationTarget target, OAuthParameters parameters)
    {
        var client = target.Client;
        if (parameters.HasRepeated)
            return Errors.DuplicateParameter;
        if (!client.MayUse(GrantTypes.AuthorizationCode))
            return Errors.AuthorizationNotAllowed;
        // OpenIddict accepts "code code".
        if (parameters[Parameters.ResponseType] != ResponseTypes.Code)
            return Errors.ResponseTypeRefused;

        var scopes = ReadScopes(client, parameters);
        if (scopes.IsRefused)
            return scopes.Error;
        var resources = ReadResources(configuration, scopes.Value, parameters);
        if (resources.IsRefused)
            return resources.Error;
        if (CheckPkce(client, parameters) is { } pkce)
            return pkce;
        if (!TryReadMaxAge(client, parameters, out var maxAge))
            return Errors.MalformedMaxAge;
        if (CheckTexts(parameters) is { } malformed)
            return malformed;
        var claims = parameters[Parameters.Claims] is { } json ? RequestedClaims.Parse(json) : RequestedClaims.None;
        if (claims is null)
            return Errors.MalformedClaims;
        // OpenID Connect Core §5.5.1.1: an essential acr that can't be met is an error, whether requested by value or by values.
        if (claims.EssentialAcr is { Length: > 0 } acr && !acr.Any(AuthenticationContexts.Served.Contains))
            return Errors.AcrUnmet;

        return new AuthorizationRequest(target, scopes.Value)
        {
            RedirectUri = parameters[Parameters.RedirectUri],
            CodeChallenge = parameters[Parameters.CodeChallenge],
            Nonce = parameters[Parameters.Nonce],
            Prompt = PromptNames.Read(parameters[Parameters.Prompt]),
            MaxAge = maxAge,
            LoginHint = parameters[Parameters.LoginHint],
            IdTokenHint = parameters[Parameters.IdTokenHint],
            Claims = claims,
            Resources = resources.Value.Length == 0 ? null : resources.Value,
            DpopThumbprint = parameters[Parameters.DpopThumbprint],
            Form = parameters.ToForm(),
        };
    }

    /// <summary>Whether the requested or default scope includes <c>openid</c>.</summary>
    public static bool AsksForIdToken(Client client, OAuthParameters parameters) =>
        parameters[Parameters.Scope] is { } scope ? ScopeSet.TryParse(scope, out var scopes) && scopes.Contains(Scopes.OpenId) : client.Scopes.Contains(Scopes.OpenId);

    public static bool IsText(string? text) => text is null || !text.Any(char.IsControl);

    /// <summary>RFC 6749 §3.3. <c>offline_access</c> is ignored if the client could not use a refresh token (OpenID Connect Core §11).</summary>
    private static Result<ScopeSet> ReadScopes(Client client, OAuthParameters parameters)
    {
        var scopes = client.Scopes;
        if (parameters[Parameters.Scope] is { } text)
        {
            if (!ScopeSet.TryParse(text, out var requested) || requested.IsEmpty)
                return Errors.MalformedScope;
            if (!requested.IsSubsetOf(client.Scopes))
                return Errors.ScopeRefused;
            scopes = requested;
        }
        return client.MayUse(GrantTypes.RefreshToken) ? scopes : scopes.Without(Scopes.OfflineAccess);
    }

    /// <summary>RFC 8707 §2: each must serve one of the requested scopes.</summary>
    private static Result<string[]> ReadResources(ServerConfiguration configuration, ScopeSet scopes, OAuthParameters parameters)
    {
        var audience = configuration.AudienceOf(scopes);
        foreach (var resource in parameters.Resources)
        {
            if (!audience.Contains(resource, StringComparer.Ordinal))
                return Errors.ResourceNotAskedFor;
        }
        return parameters.Resources.Distinct(StringComparer.Ordinal).ToArray();
    }

    private static OAuthError? CheckPkce(Client client, OAuthParameters parameters)
    {
        if (parameters[Parameters.CodeChallenge] is { } challenge)
            return Pkce.IsThumbprint(challenge) ? null : Errors.MalformedChallenge;
        return client.IsPublic || client.Metadata.RequirePkce != false ? Errors.PkceMissing : null;
    }

    private static bool TryReadMaxAge(Client client, OAuthParameters parameters, out TimeSpan? maxAge)
    {
        maxAge = client.Metadata.DefaultMaxAge is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        if (parameters[Parameters.MaxAge] is not { } text)
            return true;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var asked))
            return false;
        maxAge = TimeSpan.FromSeconds(asked);
        return true;
    }

    private static OAuthError? CheckTexts(OAuthParameters parameters)
    {
        if (!IsText(parameters[Parameters.State]))
            return Errors.MalformedState;
        if (parameters[Parameters.Nonce] is { } nonce && (nonce.Length > MaximumNonceLength || !IsText(nonce)))
            return Errors.MalformedNonce;
        if (parameters[Parameters.LoginHint] is { } hint && (hint.Length > MaximumLoginHintLength || !IsText(hint)))
            return Errors.MalformedLoginHint;
        if (parameters[Parameters.DpopThumbprint] is { } thumbprint && !Pkce.IsThumbprint(thumbprint))
            return Errors.MalformedDpopThumbprint;
        return null;
    }
}

/// <summary>Values of <c>response_type</c>: only the code (RFC 9700 §2.1.2).</summary>
internal static class ResponseTypes
{
    public const string Code = "code";
}
