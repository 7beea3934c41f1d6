namespace Dpop;

/// <summary>Why a text is not a proof. For logs and decisions; callers are always told <c>invalid_dpop_proof</c>.</summary>
public enum DpopProofError
{
    None,

    /// <summary>Too long, not three parts of canonical base64url, JSON that is not strict, or a header with <c>crit</c>.</summary>
    Malformed,
    WrongType,
    UnsupportedAlgorithm,

    /// <summary>There is no <c>jwk</c>, it does not fit the algorithm, or it is a private key.</summary>
    UnusableKey,
    BadSignature,

    /// <summary>A claim is missing or of the wrong JSON type.</summary>
    BadClaims,
}
