using System.Text.Json;
using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Tokens;

namespace IdentityServer.Protocol.Token.Grants;

/// <summary>
/// RFC 8693: an API that was called with a token gets another, by which it calls the next in the same user's name. Always
/// delegation: <c>act</c> says who acts, and before whom. No database, no refresh token.
/// </summary>
/// <remarks>
/// Who may: a confidential client that the token was issued to, or whose resource it is for. What it gets: scopes that it is
/// registered for itself. Of a resource that the subject's token is for it gets no more than that token says; to the scopes of
/// another resource the operator has put it by registering it for them. The client that the token was issued to, which the user
/// was asked about, gets no more than it has. How long: as long as the subject's token at most; and it ends with the same grant.
/// </remarks>
internal sealed partial class TokenExchangeGrant(
    AccessTokens tokens, CurrentConfiguration configuration, Pulse pulse, ILogger<TokenExchangeGrant> log) : IGrant
{
    /// <summary>Actors in a row.</summary>
    public const int MaximumChain = 5;

    public ValueTask<Result<Issuance>> HandleAsync(TokenRequest request) => new(Exchange(request));

    private Result<Issuance> Exchange(TokenRequest request)
    {
        if (request.Client.IsPublic)
            return Errors.GrantTypeNotAllowed;
        // Not knowing what other nodes revoked, this one can't tell whether a token is alive.
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

        LogExchanged(request.Client.ClientId, subject.Value.ClientId, AccessTokens.GrantOf(subject.Value));
        return new Issuance(request.Client, granted.Value, request.Terms(granted.Value)) { Delegation = new Delegation(subject.Value, actor.Value) };
    }

    private Result<JwtClaims> ReadSubject(TokenRequest request)
    {
        if (FindToken(request.Client, request.Parameters[Parameters.SubjectToken]!) is not { } subject)
            return Errors.SubjectTokenRefused;
        return RefuseKey(request, subject) is { } refused ? refused : subject;
    }

    /// <summary>Without an actor token the client acts itself.</summary>
    private Result<Actor> ReadActor(TokenRequest request)
    {
        if (request.Parameters[Parameters.ActorToken] is not { } text)
            return new Actor(request.Client.ClientId, DateTimeOffset.MaxValue);
        // One that acts for somebody itself would make two chains of one.
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
    /// What comes of a bound token is bound: to the proof, or the certificate, of the client that exchanges it. An API does not have its
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

    /// <summary>RFC 8693 §2.1: <c>resource</c> by its address, <c>audience</c> by that or by the name of its client.</summary>
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
        // What the client of that token lost since then, nobody gets by it.
        var has = ScopeSet.TryParse(subject.Scope ?? "", out var scopes) && configuration.Value.FindClient(subject.ClientId ?? "") is { } owner
            ? scopes.Intersect(owner.Scopes)
            : ScopeSet.Empty;
        var (isOwn, audience) = (IsOwn(request.Client, subject), configuration.Value.FindResources([.. subject.Audience]));
        // What asks about the user was allowed to the client that the user was asked about.
        bool Allows(string scope) => isOwn
            ? has.Contains(scope)
            : !Scopes.AboutUsers.Contains(scope) && (has.Contains(scope) || !audience.Any(resource => resource.Scopes.Contains(scope)));

        // No refresh token comes of it, so what asks for one is passed over.
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
