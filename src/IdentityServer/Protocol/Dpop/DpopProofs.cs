using System.Net;
using Dpop;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Protocol.Tokens;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Microsoft.Extensions.Primitives;
using ServiceDefaults;
using ServiceDefaults.Storage;

namespace IdentityServer.Protocol.Dpop;

/// <summary>
/// Reads the DPoP proof of a request (RFC 9449 §4.3). It is compared with the issuer's address, never the Host header, and can be
/// used once across all nodes. A request without one costs nothing.
/// </summary>
internal sealed class DpopProofs(DpopNonces nonces, UsedJwts used, DatabaseGate database, IssuerSettings issuer, DpopSettings settings, TimeProvider timeProvider)
{
    public const string Header = "DPoP";
    public const string NonceHeader = "DPoP-Nonce";

    /// <summary>For <c>WWW-Authenticate</c> of an endpoint that accepts bound tokens (RFC 9449 §7.1).</summary>
    public string Challenge { get; } = $"DPoP realm=\"IdentityServer\", algs=\"{string.Join(' ', settings.Algorithms)}\"";

    /// <param name="route">The endpoint below the issuer, such as <c>/connect/token</c>.</param>
    public ValueTask<DpopReading> ReadAsync(HttpContext httpContext, string route) =>
        httpContext.Request.Headers.TryGetValue(Header, out var values) ? VerifyAsync(httpContext, route, values, token: null) : default;

    /// <summary>
    /// For an endpoint that accepts access tokens. Null: the token may be used, because it is bound to no key, or the request proves
    /// possession of its key (RFC 9449 §7.1). A bound token must not be used as a bearer token (§7.2).
    /// </summary>
    /// <param name="isDpop">Whether it was sent with the scheme <c>DPoP</c>.</param>
    public async ValueTask<OAuthError?> RefuseUseAsync(HttpContext httpContext, string route, string accessToken, JwtClaims claims, bool isDpop)
    {
        if (Confirmation.Of(claims).Key is not { } key)
            return isDpop ? Errors.TokenIsUnbound : null;
        if (!isDpop)
            return Errors.TokenIsBound;
        var read = httpContext.Request.Headers.TryGetValue(Header, out var values) ? await VerifyAsync(httpContext, route, values, (accessToken, key)) : Errors.DpopProofMissing;
        // RFC 9449 §7.1: what is 400 at the token endpoint is 401 here.
        return read.Error is { Status: HttpStatusCode.BadRequest } refused ? refused with { Status = HttpStatusCode.Unauthorized } : read.Error;
    }

    private async ValueTask<DpopReading> VerifyAsync(HttpContext httpContext, string route, StringValues values, (string Text, string Key)? token)
    {
        if (values.Count != 1)
            return Errors.DpopProofTwice;
        if (DpopProof.Verify(values.ToString(), out var proof) != DpopProofError.None || !settings.Algorithms.Contains(proof!.Algorithm))
            return Errors.DpopProofMalformed;
        if (!HttpAddress.TryNormalise(issuer.At(route), out var address) || !proof.IsFor(httpContext.Request.Method, address))
            return Errors.DpopProofOfOtherRequest;
        if (!IsNonceAccepted(httpContext, proof))
            return Errors.DpopNonceRequired;
        if (!proof.IsFresh(timeProvider.GetUtcNow(), settings.ProofLifetime, DpopSettings.ClockSkew))
            return Errors.DpopProofOutOfTime;
        if (token is { } bound && proof.Thumbprint != bound.Key)
            return Errors.TokenIsBoundToAnother;
        if (token is { } named && !proof.IsForToken(named.Text))
            return Errors.DpopProofOfOtherToken;

        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        return await used.TryUseAsync(UsedJwts.DpopProof, proof.Thumbprint, proof.JwtId, proof.IssuedAt + settings.ProofLifetime, httpContext.Deadline()).WithinDeadline(httpContext)
            ? new DpopReading(proof, null)
            : Errors.DpopProofUsed;
    }

    /// <summary>RFC 9449 §8, §8.2: a caller without a nonce, or with an old one, is told which to use.</summary>
    private bool IsNonceAccepted(HttpContext httpContext, DpopProof proof)
    {
        if (proof.Nonce is null && !settings.RequireNonce)
            return true;
        var isCurrent = false;
        var isAccepted = proof.Nonce is not null && nonces.Accepts(proof.Nonce, out isCurrent);
        if (!isCurrent)
            httpContext.Response.Headers[NonceHeader] = nonces.Current();
        return isAccepted;
    }
}
