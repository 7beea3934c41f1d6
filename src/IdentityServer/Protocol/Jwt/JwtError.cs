namespace IdentityServer.Protocol.Jwt;

/// <summary>Why a token was refused. For logs and decisions; callers are not told the reason.</summary>
internal enum JwtError
{
    None,

    /// <summary>Too long, not three parts of canonical base64url, JSON that is not strict, or a header with <c>crit</c>.</summary>
    Malformed,

    /// <summary>Not the key's algorithm; no key has <c>none</c>.</summary>
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
