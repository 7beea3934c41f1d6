using IdentityServer.Protocol;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Jose;
using Microsoft.Extensions.Primitives;
using Postgres;

namespace IdentityServer.Dpop;

/// <summary>
/// Reads the DPoP proof of a request (RFC 9449 §4.3). It is compared with the issuer's addresses, never with the Host header, and
/// used once on all nodes together. A request without one costs nothing.
/// </summary>
internal sealed class DpopProofs(DpopNonces nonces, UsedJwts used, DatabaseGate database, IssuerSettings issuer, DpopSettings settings, TimeProvider time)
{
    public const string Header = "DPoP";
    public const string NonceHeader = "DPoP-Nonce";

    /// <param name="route">Of the endpoint, below the issuer: <c>/connect/token</c>.</param>
    public ValueTask<DpopReading> ReadAsync(HttpContext http, string route) =>
        http.Request.Headers.TryGetValue(Header, out var values) ? VerifyAsync(http, route, values, accessToken: null) : default;

    /// <summary>The proof that a bound access token comes with (RFC 9449 §7.1). Without one it is refused.</summary>
    /// <param name="thumbprint">The key that the token is bound to.</param>
    public async ValueTask<DpopReading> RequireAsync(HttpContext http, string route, string accessToken, string thumbprint)
    {
        if (!http.Request.Headers.TryGetValue(Header, out var values))
            return Errors.DpopProofMissing;
        var read = await VerifyAsync(http, route, values, accessToken);
        return read.IsRefused || read.Thumbprint == thumbprint ? read : Errors.DpopProofOfOtherToken;
    }

    private async ValueTask<DpopReading> VerifyAsync(HttpContext http, string route, StringValues values, string? accessToken)
    {
        if (values.Count != 1)
            return Errors.DpopProofTwice;
        if (DpopProof.Verify(values.ToString(), out var proof) != JwtError.None)
            return Errors.DpopProofMalformed;
        if (!HttpAddress.TryNormalise(issuer.At(route), out var address) || !proof!.IsFor(http.Request.Method, address))
            return Errors.DpopProofOfOtherRequest;
        if (!IsNonceAccepted(http, proof))
            return Errors.DpopNonceRequired;
        if (!proof.IsFresh(time.GetUtcNow(), settings.ProofLifetime, DpopSettings.ClockSkew))
            return Errors.DpopProofOutOfTime;
        if (accessToken is not null && !proof.IsForToken(accessToken))
            return Errors.DpopProofOfOtherToken;

        using var place = database.TryEnter();
        if (place.IsRefused)
            return Errors.Busy;
        return await used.TryUseAsync(UsedJwts.DpopProof, proof.Thumbprint, proof.JwtId, proof.IssuedAt + settings.ProofLifetime, http.RequestAborted)
            ? new DpopReading(proof, null)
            : Errors.DpopProofUsed;
    }

    /// <summary>RFC 9449 §8, §8.2: who has none, or an old one, is told the nonce to use.</summary>
    private bool IsNonceAccepted(HttpContext http, DpopProof proof)
    {
        if (proof.Nonce is null && !settings.RequireNonce)
            return true;
        var isCurrent = false;
        var isAccepted = proof.Nonce is not null && nonces.Accepts(proof.Nonce, out isCurrent);
        if (!isCurrent)
            http.Response.Headers[NonceHeader] = nonces.Current();
        return isAccepted;
    }
}
