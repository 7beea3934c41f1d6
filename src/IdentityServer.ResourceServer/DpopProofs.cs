using Dpop;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>Checks the proof that comes with a token that is bound to a key (RFC 9449 §4.3, §7.1), in this process alone.</summary>
internal sealed class DpopProofs(DpopNonces nonces, UsedProofs used, IOptions<IdentityServerTokensOptions> options, TimeProvider clock)
{
    private const string Header = "DPoP";
    private const string NonceHeader = "DPoP-Nonce";

    // RFC 9449 §11.1: on the order of seconds or minutes.
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    // The Host header is the caller's word; where this API is, its operator says.
    private readonly string _origin = options.Value.PublicAddress?.TrimEnd('/') ?? new Uri(options.Value.Resource).GetLeftPart(UriPartial.Authority);

    /// <summary>
    /// Null: the token is bound to no key, or whoever sent the request has that key and has not sent this proof before. RFC 9449 §7.2: a
    /// token that is bound to a key is none that a bearer may use.
    /// </summary>
    /// <param name="context">Null: there is no request that could carry a proof.</param>
    public BearerRefusal? Refuse(HttpContext? context, string accessToken, AccessToken token, bool isDpop)
    {
        if (token.KeyThumbprint is not { } thumbprint)
            return isDpop ? BearerRefusal.UnboundToken : null;
        if (context is null || !isDpop || !options.Value.IsDpopUsed)
            return BearerRefusal.BoundToken;
        var headers = context.Request.Headers[Header];
        if (headers.Count != 1)
            return headers.Count == 0 ? BearerRefusal.NoProof : BearerRefusal.TwoProofs;
        if (DpopProof.Verify(headers.ToString(), out var proof) != DpopProofError.None)
            return BearerRefusal.MalformedProof;
        if (proof!.Thumbprint != thumbprint)
            return BearerRefusal.BoundToAnother;
        if (!proof.IsForToken(accessToken))
            return BearerRefusal.ProofOfOtherToken;
        if (!HttpAddress.TryNormalise(_origin + PathOf(context), out var address) || !proof.IsFor(context.Request.Method, address))
            return BearerRefusal.ProofOfOtherRequest;
        if (!IsNonceAccepted(context, proof))
            return BearerRefusal.NonceRequired;
        if (!proof.IsFresh(clock.GetUtcNow(), Lifetime + options.Value.ClockSkew, options.Value.ClockSkew))
            return BearerRefusal.ProofOutOfTime;
        return used.TryUse(proof) switch
        {
            true => null,
            false => BearerRefusal.ProofUsed,
            null => BearerRefusal.TooManyProofs,
        };
    }

    /// <summary>RFC 9449 §9: who has none, or an old one, is told the nonce to use.</summary>
    private bool IsNonceAccepted(HttpContext context, DpopProof proof)
    {
        if (!options.Value.RequireDpopNonce)
            return true;
        var isCurrent = false;
        var isAccepted = proof.Nonce is not null && nonces.Accepts(proof.Nonce, out isCurrent);
        if (!isCurrent)
            context.Response.Headers[NonceHeader] = nonces.Current();
        return isAccepted;
    }

    /// <summary>As the client sent it, for what ASP.NET Core makes of it is decoded. RFC 9112 §3.2.2: the absolute form too.</summary>
    private static string PathOf(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!target.StartsWith('/') && Uri.TryCreate(target, UriKind.Absolute, out var absolute))
            return absolute.AbsolutePath;
        var query = target.IndexOfAny(['?', '#']);
        return query < 0 ? target : target[..query];
    }
}
