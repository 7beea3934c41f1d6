using System.Text.Json;
using Dpop;
using IdentityServer.Clients;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Pipeline;
using IdentityServer.Settings;
using IdentityServer.Storage;
using ServiceDefaults.Storage;

namespace IdentityServer.Protocol.ClientAuthentication;

/// <summary>
/// <c>private_key_jwt</c> (RFC 7523 §2.2, §3; OpenID Connect Core §9): the client signs a JWT with its own key, for us only, valid for
/// minutes at most and for one use. The client's key determines the algorithm; the assertion can only agree.
/// </summary>
internal sealed partial class ClientAssertions(
    CurrentConfiguration configuration, ClientKeys keys, UsedJwts used, DatabaseGate database, IssuerSettings issuer, ClientAssertionSettings settings,
    TimeProvider timeProvider, ILogger<ClientAssertions> logger)
{
    /// <summary>The only value of <c>client_assertion_type</c> (RFC 7523 §2.2).</summary>
    public const string Type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    /// <summary>
    /// How far <c>exp</c> may lie ahead. The <c>jti</c> is remembered for this long, and an assertion that leaks before it
    /// was used is usable for this long.
    /// </summary>
    public static readonly TimeSpan LongestLifetime = TimeSpan.FromMinutes(10);

    // FAPI 2.0 §5.3.2.1: 10 s ahead must pass, more than 60 s must not.
    private static readonly TimeSpan ClockSkew = JwtExpectations.MaximumClockSkew;

    private const int MaximumJwtIdLength = 1024;

    // Strangers can cause this, so it is logged only now and then.
    private long _lastRefusalLogged;

    /// <summary>Checks everything except reuse, which <see cref="TryUseAsync"/> checks.</summary>
    /// <param name="bodyId">The parameter <c>client_id</c>; null: absent.</param>
    public async ValueTask<Result<ProvenClient>> VerifyAsync(HttpContext httpContext, string assertion, string? bodyId)
    {
        // RFC 7521 §4.2: the subject of the assertion names the client, which determines the keys to verify with.
        if (!StrictJwt.TryRead(assertion, out var jwt) || !StrictJson.TryGetString(jwt.Claims, ClaimNames.Subject, out var clientId) || clientId is null)
            return Errors.ClientRefused;
        if (bodyId is not null && bodyId != clientId)
            return Errors.AssertionOfAnotherClient;
        var client = configuration.Value.FindClient(clientId);
        if (client is null || client.IsDisabled || client.AuthMethod != TokenEndpointAuthMethods.PrivateKeyJwt)
            return Errors.ClientRefused;

        var verified = await VerifyAsync(client, jwt, httpContext.RequestAborted);
        if (verified.IsRefused)
            return verified.Error;
        var claims = verified.Value;
        return Check(httpContext, claims) is { } refused ? refused : new ProvenClient(client, claims);
    }

    private async ValueTask<Result<JwtClaims>> VerifyAsync(Client client, StrictJwt assertion, CancellationToken cancellationToken)
    {
        var expectations = new JwtExpectations
        {
            // The explicit type is from draft-ietf-oauth-rfc7523bis; hardly any client sends it yet.
            Type = "client-authentication+jwt", AllowsPlainType = true, AllowsUnnamedKey = true, Issuer = client.ClientId, ClockSkew = ClockSkew,
        };
        var known = await keys.FindAsync(client, cancellationToken);
        if (known.IsRefused)
            return known.Error;
        var error = known.Value.Verify(assertion, expectations, timeProvider.GetUtcNow(), out var claims);
        if (error == JwtError.UnknownKey && await keys.FindNewerAsync(client, known.Value, cancellationToken) is { } newer)
            error = newer.Verify(assertion, expectations, timeProvider.GetUtcNow(), out claims);
        if (error == JwtError.None)
            return claims!;

        LogRefused(client.ClientId, error);
        return error switch
        {
            // Only after the signature has been verified.
            JwtError.Expired or JwtError.NotYetValid => Errors.AssertionTimes,
            JwtError.BadClaims or JwtError.WrongIssuer => Errors.AssertionClaims,
            _ => Errors.ClientRefused,
        };
    }

    private OAuthError? Check(HttpContext httpContext, JwtClaims claims)
    {
        // The subject is the client, since the client was looked up by it. The expectations require the same of iss.
        if (claims.JwtId is not { Length: > 0 and <= MaximumJwtIdLength } || claims.Audience.Count == 0)
            return Errors.AssertionClaims;
        if (!IsForUs(httpContext, claims))
            return Errors.AssertionAudience;
        var longest = LongestLifetime + ClockSkew;
        var livesTooLong = claims.ExpiresAt - timeProvider.GetUtcNow() > longest
            || claims.IssuedAt != DateTimeOffset.MinValue && (claims.ExpiresAt < claims.IssuedAt || claims.ExpiresAt - claims.IssuedAt > longest);
        return livesTooLong ? Errors.AssertionTimes : null;
    }

    /// <summary>
    /// The only audience must be us: others could replay an assertion that is meant for them too. It should be the issuer;
    /// many libraries use the token endpoint, as OpenID Connect Core §9 says, and RFC 9126 §2 also allows the endpoint's own address.
    /// </summary>
    private bool IsForUs(HttpContext httpContext, JwtClaims claims)
    {
        if (claims.Audience is not [var audience])
            return false;
        if (settings.IssuerAudienceOnly)
            return audience == issuer.Issuer && claims.Root.GetProperty(ClaimNames.Audience).ValueKind == JsonValueKind.String;
        return audience == issuer.Issuer || audience == issuer.At(ProtocolRoutes.Token) || audience == issuer.At(httpContext.Request.Path.Value ?? "");
    }

    /// <summary>Null: it was not used before. Called last, so that the client can send the assertion again if the request was refused for another reason.</summary>
    public async ValueTask<OAuthError?> TryUseAsync(Client client, JwtClaims claims, CancellationToken cancellationToken)
    {
        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        return await used.TryUseAsync(UsedJwts.ClientAssertion, client.ClientId, claims.JwtId!, claims.ExpiresAt + ClockSkew, cancellationToken)
            ? null
            : Errors.AssertionUsed;
    }

    private void LogRefused(string clientId, JwtError error)
    {
        var now = timeProvider.GetTimestamp();
        var last = Interlocked.Read(ref _lastRefusalLogged);
        if ((last == 0 || timeProvider.GetElapsedTime(last) >= TimeSpan.FromSeconds(1)) && Interlocked.CompareExchange(ref _lastRefusalLogged, now, last) == last)
            LogAssertionRefused(clientId, error);
    }

    [LoggerMessage(2200, LogLevel.Information, "Refused a client assertion of {ClientId}: {Reason}")]
    private partial void LogAssertionRefused(string clientId, JwtError reason);
}
