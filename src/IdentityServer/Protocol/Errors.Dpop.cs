using System.Net;
using static IdentityServer.Protocol.OAuthErrorCodes;

namespace IdentityServer.Protocol;

public static partial class Errors
{
    // Proof of possession: RFC 9449 §4.3, §5, §8
    public static readonly OAuthError DpopProofMissing = new(InvalidDpopProof, "This needs a DPoP proof in the header DPoP.");
    /// <summary>At the token endpoint, where a missing proof is not an invalid one (RFC 6749 §5.2).</summary>
    public static readonly OAuthError DpopProofLeftOut = new(InvalidRequest, "The client, or the token that it presents, needs a DPoP proof in the header DPoP.");
    public static readonly OAuthError DpopProofTwice = new(InvalidDpopProof, "The header DPoP must occur once.");
    public static readonly OAuthError DpopProofMalformed = new(InvalidDpopProof, "The DPoP proof is malformed, unsigned, or of a type, key or algorithm that is not accepted.");
    public static readonly OAuthError DpopProofOfOtherRequest = new(InvalidDpopProof, "The DPoP proof was made for another method or address.");
    public static readonly OAuthError DpopProofOutOfTime = new(InvalidDpopProof, "The DPoP proof is too old, has expired, or is from the future.");
    public static readonly OAuthError DpopProofUsed = new(InvalidDpopProof, "The DPoP proof was used before.");
    public static readonly OAuthError DpopProofOfOtherToken = new(InvalidDpopProof, "The DPoP proof was not made for this access token with the key that it is bound to.");
    public static readonly OAuthError TokenIsBoundToAnother = new(InvalidToken, "The access token is bound to another key than the DPoP proof's.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError DpopNonceRequired = new(UseDpopNonce, "The DPoP proof must carry the nonce that the header DPoP-Nonce of this answer holds.");
    public static readonly OAuthError TokenIsBound = new(InvalidToken, "The access token is bound to a key: it goes by the scheme DPoP, with a proof.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError TokenIsUnbound = new(InvalidToken, "The access token is bound to no key: it goes by the scheme Bearer.", HttpStatusCode.Unauthorized);
    public static readonly OAuthError DpopKeyOfGrantMissing = new(InvalidRequest, "The refresh token is bound to a key: this needs a DPoP proof by it.");
    public static readonly OAuthError DpopKeyOfGrantDiffers = new(InvalidGrant, "The refresh token is bound to another key than the DPoP proof's.");
}

public static partial class OAuthErrorCodes
{
    // RFC 9449 §12.2
    public const string InvalidDpopProof = "invalid_dpop_proof";
    public const string UseDpopNonce = "use_dpop_nonce";
}

public static partial class ClaimNames
{
    /// <summary>What the token's user must prove (RFC 7800 §3.1).</summary>
    public const string Confirmation = "cnf";

    /// <summary>The thumbprint of a key, within <see cref="Confirmation"/> (RFC 9449 §6.1).</summary>
    public const string KeyThumbprint = "jkt";
}

/// <summary>Values of <c>token_type</c> (RFC 6749 §7.1).</summary>
public static class TokenTypes
{
    public const string Bearer = "Bearer";

    /// <summary>Bound to a key (RFC 9449 §5).</summary>
    public const string Dpop = "DPoP";
}
