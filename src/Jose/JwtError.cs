namespace Jose;

/// <summary>Why a token was refused. For logs and decisions; a caller is told <c>invalid_token</c> whichever it is.</summary>
public enum JwtError
{
    None,

    /// <summary>Not three parts of canonical base64url, or JSON that is not strict.</summary>
    Malformed,
    TooLarge,

    /// <summary>Not the algorithm of the key; <c>none</c> is nobody's.</summary>
    UnsupportedAlgorithm,

    /// <summary>No key of the set has this <c>kid</c>; the one error for which fetching the set again may help.</summary>
    UnknownKey,
    BadSignature,
    WrongType,

    /// <summary>The header has <c>crit</c>: no extension is understood here (RFC 7515 §4.1.11).</summary>
    CriticalHeader,

    /// <summary>A claim is missing or of the wrong JSON type, or the token is made to live too long.</summary>
    BadClaims,
    WrongIssuer,
    WrongAudience,
    Expired,
    NotYetValid,
}
