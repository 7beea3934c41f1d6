using Dpop;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Checks the proof of a key-bound token (RFC 9449 §4.3, §7.1), in this process only.</summary>
internal sealed class DpopProofs(DpopNonces nonces, UsedProofs used, IOptions<IdentityServerTokensOptions> options, TimeProvider timeProvider)
{
    private const string Header = "DPoP";
    private const string NonceHeader = "DPoP-Nonce";

    // RFC 9449 §11.1: on the order of seconds or minutes.
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    // The Host header can't be trusted; the operator configures this API's address.
    private readonly string _origin = options.Value.PublicAddress?.TrimEnd('/') ?? new Uri(options.Value.Resource).GetLeftPart(UriPartial.Authority);

    /// <summary>
    /// Null: the token is bound to no key, or the sender has that key and has not used this proof before. RFC 9449 §7.2: a
    /// key-bound token must not be used as a bearer token.
    /// </summary>
    /// <param name="httpContext">Null: there is no request, so no proof.</param>
    public BearerRefusal? Refuse(HttpContext? httpContext, string accessToken, AccessToken token, bool isDpop)
    {
        if (token.KeyThumbprint is not { } thumbprint)
            return isDpop ? BearerRefusal.UnboundToken : null;
        if (httpContext is null || !isDpop || !options.Value.IsDpopUsed)
            return BearerRefusal.BoundToken;
        var headers = httpContext.Request.Headers[Header];
        if (headers.Count != 1)
            return headers.Count == 0 ? BearerRefusal.NoProof : BearerRefusal.TwoProofs;
        if (DpopProof.Verify(headers.ToString(), out var proof) != DpopProofError.None)
            return BearerRefusal.MalformedProof;
        if (proof!.Thumbprint != thumbprint)
            return BearerRefusal.BoundToAnother;
        if (!proof.IsForToken(accessToken))
            return BearerRefusal.ProofOfOtherToken;
        if (!HttpAddress.TryNormalise(_origin + PathOf(httpContext), out var address) || !proof.IsFor(httpContext.Request.Method, address))
            return BearerRefusal.ProofOfOtherRequest;
        if (!IsNonceAccepted(httpContext, proof))
            return BearerRefusal.NonceRequired;
        if (!proof.IsFresh(timeProvider.GetUtcNow(), Lifetime + options.Value.ClockSkew, options.Value.ClockSkew))
            return BearerRefusal.ProofOutOfTime;
        return used.TryUse(proof) switch
        {
            true => null,
            false => BearerRefusal.ProofUsed,
            null => BearerRefusal.TooManyProofs,
        };
    }

    /// <summary>RFC 9449 §9: a caller without a nonce, or with an old one, is told which to use.</summary>
    private bool IsNonceAccepted(HttpContext httpContext, DpopProof proof)
    {
        if (!options.Value.RequireDpopNonce)
            return true;
        var isCurrent = false;
        var isAccepted = proof.Nonce is not null && nonces.Accepts(proof.Nonce, out isCurrent);
        if (!isCurrent)
            httpContext.Response.Headers[NonceHeader] = nonces.Current();
        return isAccepted;
    }

    /// <summary>As the client sent it, because ASP.NET Core decodes the path. RFC 9112 §3.2.2: the absolute form too.</summary>
    private static string PathOf(HttpContext httpContext)
    {
        var target = httpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!target.StartsWith('/') && Uri.TryCreate(target, UriKind.Absolute, out var absolute))
            return absolute.AbsolutePath;
        var query = target.IndexOfAny(['?', '#']);
        return query < 0 ? target : target[..query];
    }
}
