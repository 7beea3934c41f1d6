namespace Jose;

/// <summary>The signature algorithms that are spoken here (RFC 7518 §3.1); there are no others, <c>none</c> least of all.</summary>
public static class JwsAlgorithms
{
    /// <summary>ECDSA on P-256 with SHA-256.</summary>
    public const string ES256 = "ES256";

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256.</summary>
    public const string RS256 = "RS256";

    /// <summary>RSASSA-PSS with SHA-256, MGF1 and a salt of 32 octets. Verified here, never signed with.</summary>
    public const string PS256 = "PS256";
}
