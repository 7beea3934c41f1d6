namespace Dpop;

/// <summary>Why a text is no proof. For logs and decisions; a caller is told <c>invalid_dpop_proof</c> whichever it is.</summary>
public enum DpopProofError
{
    None,

    /// <summary>Too long, not three parts of canonical base64url, JSON that is not strict, or a header with <c>crit</c>.</summary>
    Malformed,
    WrongType,
    UnsupportedAlgorithm,

    /// <summary>There is no <c>jwk</c>, it is none that verifies the algorithm, or it is a private one.</summary>
    UnusableKey,
    BadSignature,

    /// <summary>A claim is missing or of the wrong JSON type.</summary>
    BadClaims,
}
