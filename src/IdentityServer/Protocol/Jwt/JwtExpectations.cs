namespace IdentityServer.Protocol.Jwt;

/// <summary>What a token must say to be accepted (RFC 7519 §4.1, RFC 8725 §3, RFC 9068 §4).</summary>
internal sealed record JwtExpectations
{
    /// <summary>The largest allowed clock difference.</summary>
    public static readonly TimeSpan MaximumClockSkew = TimeSpan.FromSeconds(60);

    /// <summary>The header's <c>typ</c>, such as <c>at+jwt</c>; explicit, so that no other kind of token passes (RFC 8725 §3.11).</summary>
    public required string Type { get; init; }

    /// <summary>Also accepts <c>typ</c> <c>JWT</c> or none, for kinds of tokens that predate explicit typing.</summary>
    public bool AllowsPlainType { get; init; }

    /// <summary>
    /// Lets a token name an unknown <c>kid</c> if the only key of its algorithm has no <c>kid</c>: for sets
    /// written by hand.
    /// </summary>
    public bool AllowsUnnamedKey { get; init; }

    public required string Issuer { get; init; }

    /// <summary>Must be among the token's audiences; null accepts any, or none.</summary>
    public string? Audience { get; init; }

    /// <summary>0 (the default) to 60 seconds.</summary>
    public TimeSpan ClockSkew
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaximumClockSkew);
            field = value;
        }
    }

    /// <summary><c>exp</c>, <c>nbf</c> and <c>iat</c> are not compared with the clock: for revoking a token, not for accepting it.</summary>
    public bool AtAnyTime { get; init; }
}
