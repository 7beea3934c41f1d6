using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.TokenEndpoint.Grants;

/// <summary>
/// RFC 8693: an API that was called with a token exchanges it for one with which to call the next API for the same user. Always
/// delegation: <c>act</c> says who acts, and who acted before. Needs no database and issues no refresh token.
/// </summary>
/// <remarks>
/// Who may exchange: a confidential client that the token was issued to, or whose resource it is for. What it gets: only scopes that it is
/// registered for itself. For a resource that the subject token is for, it gets no more than that token has. For another resource
/// the operator gave it the scopes by registering it for them. The client that the token was issued to, which is the one the user
/// consented to, gets no more than it has. The new token lives no longer than the subject token, and ends with the same grant.
/// </remarks>
internal sealed partial class TokenExchangeGrant(
    AccessTokenVerifier tokens, CurrentConfiguration configuration, Pulse pulse, ILogger<TokenExchangeGrant> logger) : IGrant
{
    /// <summary>The most actors in a chain.</summary>
    public const int MaximumChain = 5;

    public ValueTask<Result<Issuance>> HandleAsync(TokenRequest request) => new(Exchange(request));

    private Result<Issuance> Exchange(TokenRequest request)
    {
        if (request.Client.IsPublic)
            return Errors.GrantTypeNotAllowed;
        // Without knowing what other nodes revoked, this node can't tell whether a token is alive.
        if (!pulse.IsFresh)
            return Errors.Unavailable;
        var subject = ReadSubject(request);
        if (subject.IsRefused)
            return subject.Error;
        var actor = ReadActor(request);
        if (actor.IsRefused)
            return actor.Error;
        if (ChainOf(subject.Value) >= MaximumChain)
            return Errors.DelegationTooLong;

        var targets = ReadTargets(request);
        if (targets.IsRefused)
            return targets.Error;
        var scope = ReadScope(request, subject.Value);
        if (scope.IsRefused)
            return scope.Error;
        request = request with { Resources = targets.Value };
        var granted = request.Narrow(scope.Value);
        if (granted.IsRefused)
            return granted.Error;

        LogExchanged(request.Client.ClientId, subject.Value.ClientId, AccessTokenVerifier.GrantOf(subject.Value));
        return new Issuance(request.Client, granted.Value, request.Terms(granted.Value)) { Delegation = new Delegation(subject.Value, actor.Value) };
    }

    private Result<JwtClaims> ReadSubject(TokenRequest request)
    {
        if (FindToken(request.Client, request.Parameters[Parameters.SubjectToken]!) is not { } subject)
            return Errors.SubjectTokenRefused;
        return RefuseKey(request, subject) is { } refused ? refused : subject;
    }

    /// <summary>Without an actor token the client itself is the actor.</summary>
    private Result<Actor> ReadActor(TokenRequest request)
    {
        if (request.Parameters[Parameters.ActorToken] is not { } text)
            return new Actor(request.Client.ClientId, DateTimeOffset.MaxValue);
        // An actor token that has an actor of its own would fork the chain.
        if (FindToken(request.Client, text) is not { } actor || actor.Root.TryGetProperty(ClaimNames.Actor, out _))
            return Errors.ActorTokenRefused;
        return RefuseKey(request, actor) is { } refused ? refused : new Actor(actor.Subject, actor.ExpiresAt);
    }

    private JwtClaims? FindToken(Client client, string text) =>
        tokens.FindLive(text) is { } claims && (IsOwn(client, claims) || IsForResourceOf(client, claims)) && Confirmation.Of(claims).IsUnderstood ? claims : null;

    private static bool IsOwn(Client client, JwtClaims claims) => claims.ClientId == client.ClientId;

    private bool IsForResourceOf(Client client, JwtClaims claims) =>
        configuration.Value.Resources.Any(resource => resource.ClientId == client.ClientId && claims.Audience.Contains(resource.Identifier));

    /// <summary>
    /// A bound token yields a bound token: bound to the proof, or the certificate, of the client that exchanges it. An API does not have its
    /// caller's key; the client that the token was issued to does.
    /// </summary>
    private static OAuthError? RefuseKey(TokenRequest request, JwtClaims claims)
    {
        var confirmation = Confirmation.Of(claims);
        if (confirmation.Certificate is not null
            && (request.CertificateThumbprint is null || IsOwn(request.Client, claims) && request.CertificateThumbprint != confirmation.Certificate))
            return Errors.CertificateMissing;
        if (confirmation.Key is not { } key)
            return null;
        if (request.DpopThumbprint is null)
            return Errors.DpopProofLeftOut;
        return IsOwn(request.Client, claims) && request.DpopThumbprint != key ? Errors.DpopProofOfOtherToken : null;
    }

    /// <summary>RFC 8693 §2.1: <c>resource</c> is an address; <c>audience</c> is an address or the id of the resource's client.</summary>
    private Result<Resource[]> ReadTargets(TokenRequest request)
    {
        if (request.Parameters[Parameters.Audience] is not { } audience)
            return request.Resources;
        var found = configuration.Value.Resources.Where(resource => resource.Identifier == audience || resource.ClientId == audience).ToArray();
        return found.Length == 0 ? Errors.ResourceRefused : request.Resources.Union(found).ToArray();
    }

    private Result<ScopeSet> ReadScope(TokenRequest request, JwtClaims subject)
    {
        var requested = RequestedScope.Read(request.Client, request.Parameters);
        if (requested.IsRefused)
            return requested;
        // Nobody gets what the token's own client has lost since.
        var has = ScopeSet.TryParse(subject.Scope ?? "", out var scopes) && configuration.Value.FindClient(subject.ClientId ?? "") is { } owner
            ? scopes.Intersect(owner.Scopes)
            : ScopeSet.Empty;
        var (isOwn, audience) = (IsOwn(request.Client, subject), configuration.Value.FindResources([.. subject.Audience]));
        // Scopes about the user were granted only to the client that the user consented to.
        bool Allows(string scope) => isOwn
            ? has.Contains(scope)
            : !Scopes.AboutUsers.Contains(scope) && (has.Contains(scope) || !audience.Any(resource => resource.Scopes.Contains(scope)));

        // It issues no refresh token, so the scope that asks for one is ignored.
        var wanted = requested.Value.Without(Scopes.OfflineAccess);
        var allowed = ScopeSet.Of(wanted.Tokens.Where(Allows));
        if (request.Parameters[Parameters.Scope] is not null && !wanted.IsSubsetOf(allowed))
            return Errors.ExchangeWidens;
        return allowed.IsEmpty ? Errors.ExchangeEmpty : allowed;
    }

    private static int ChainOf(JwtClaims claims)
    {
        var length = 0;
        for (var at = claims.Root; at.TryGetProperty(ClaimNames.Actor, out var actor) && actor.ValueKind == JsonValueKind.Object; at = actor)
            length++;
        return length;
    }

    [LoggerMessage(2110, LogLevel.Information, "Client {ClientId} exchanged a token of client {SubjectClientId}, grant {GrantId}")]
    private partial void LogExchanged(string clientId, string? subjectClientId, Guid? grantId);
}
