namespace IdentityServer.Protocol.Jwt;

/// <summary>Why a token was refused. For logs and decisions; a caller is not told which it was.</summary>
internal enum JwtError
{
    None,

    /// <summary>Too long, not three parts of canonical base64url, JSON that is not strict, or a header with <c>crit</c>.</summary>
    Malformed,

    /// <summary>Not the algorithm of the key; <c>none</c> is nobody's.</summary>
    UnsupportedAlgorithm,

    /// <summary>No key of the set has this <c>kid</c>; the one error for which fetching the set again may help.</summary>
    UnknownKey,
    BadSignature,
    WrongType,

    /// <summary>A claim is missing or of the wrong JSON type.</summary>
    BadClaims,
    WrongIssuer,
    WrongAudience,
    Expired,
    NotYetValid,
}
