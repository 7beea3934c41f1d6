using System.Buffers.Text;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Dpop;
using Microsoft.IdentityModel.Tokens;

namespace IdentityServer.Protocol.Jwt;

/// <summary>
/// Verifies tokens against one key set (RFC 7517 §5). Immutable and thread-safe: a new set is a new verifier. Microsoft.IdentityModel
/// checks the signature; every other rule is stricter than its handler's, and the strict parser has read the token already.
/// </summary>
internal sealed class JwtVerifier
{
    /// <summary>The most octets of a key set from outside.</summary>
    public const int MaximumSetLength = 256 * 1024;

    /// <summary>The most octets of a decoded header.</summary>
    public const int MaximumHeaderLength = 2 * 1024;

    private readonly SignatureProvider[] _keys;
    private readonly FrozenDictionary<string, SignatureProvider> _byKeyId;
    private readonly FrozenDictionary<string, SignatureProvider> _onlyOfAlgorithm;

    /// <exception cref="ArgumentException">Two keys have the same <c>kid</c>, or one is invalid.</exception>
    public JwtVerifier(IEnumerable<JsonWebKey> keys)
        : this([.. keys.Select(key => key.FindVerifier() ?? throw new ArgumentException("This is no key.", nameof(keys)))])
    {
    }

    private JwtVerifier(SignatureProvider[] keys)
    {
        if (!HaveDistinctKeyIds(keys))
            throw new ArgumentException("Two keys of the set have the same kid.", nameof(keys));
        _keys = keys;
        _byKeyId = keys.Where(key => key.Key.KeyId is not null).ToFrozenDictionary(key => key.Key.KeyId, StringComparer.Ordinal);
        _onlyOfAlgorithm = keys.GroupBy(key => key.Algorithm).Where(group => group.Count() == 1)
            .ToFrozenDictionary(group => group.Key, group => group.Single(), StringComparer.Ordinal);
    }

    public IEnumerable<JsonWebKey> Keys => _keys.Select(key => (JsonWebKey)key.Key);

    /// <summary>
    /// Reads a set. A key that is of another kind, broken, private or not for signatures is skipped (RFC 7517 §5), so that its
    /// owner may publish keys that we don't support; a set that is broken as a whole is refused.
    /// </summary>
    /// <param name="algorithms">The accepted algorithms. An RSA key that names none is for RS256 if that is among them, otherwise for PS256.</param>
    public static bool TryParse(ReadOnlySpan<byte> utf8, IReadOnlyCollection<string> algorithms, [NotNullWhen(true)] out JwtVerifier? verifier)
    {
        verifier = null;
        if (utf8.Length > MaximumSetLength || !StrictJson.TryParseObject(utf8, out var set)
            || !set.TryGetProperty("keys", out var members) || members.ValueKind != JsonValueKind.Array)
            return false;
        var rsa = algorithms.Contains(SecurityAlgorithms.RsaSha256) ? SecurityAlgorithms.RsaSha256 : SecurityAlgorithms.RsaSsaPssSha256;
        var understood = members.EnumerateArray().Select(member => Find(member, rsa)).OfType<SignatureProvider>().ToList();
        if (HaveDistinctKeyIds(understood))
            verifier = new JwtVerifier([.. understood.Where(key => algorithms.Contains(key.Algorithm))]);
        return verifier is not null;
    }

    /// <summary>Returns <see cref="JwtError.None"/> and the claims, or the reason; never throws on what a token holds.</summary>
    public JwtError Verify(string token, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        claims = null;
        return StrictJwt.TryRead(token, out var jwt) ? Verify(jwt, expectations, now, out claims) : JwtError.Malformed;
    }

    /// <inheritdoc cref="Verify(string, JwtExpectations, DateTimeOffset, out JwtClaims?)"/>
    public JwtError Verify(StrictJwt jwt, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        claims = null;
        if (jwt.SigningInput.IndexOf('.', StringComparison.Ordinal) > Base64Url.GetEncodedLength(MaximumHeaderLength))
            return JwtError.Malformed;
        if (!PublicJwk.Algorithms.Contains(jwt.Algorithm))
            return JwtError.UnsupportedAlgorithm;
        // RFC 7519 §5.1: a plain JWT does not say which kind of JWT it is.
        if (!jwt.IsOfType(expectations.Type) && !(expectations.AllowsPlainType && (jwt.Type is null || jwt.IsOfType("JWT"))))
            return JwtError.WrongType;
        if (FindKey(jwt, expectations.AllowsUnnamedKey) is not { } key)
            return JwtError.UnknownKey;
        // RFC 8725 §3.1: the key determines the algorithm, the token can only agree.
        if (jwt.Algorithm != key.Algorithm)
            return JwtError.UnsupportedAlgorithm;
        return key.Verifies(jwt) ? JwtClaims.Read(jwt.Claims, expectations, now, out claims) : JwtError.BadSignature;
    }

    // By kid alone, ignoring keys that the token contains or points to (RFC 8725 §3.10). Without a kid there must be only one candidate: keys are
    // not tried one after another.
    private SignatureProvider? FindKey(StrictJwt jwt, bool allowsUnnamed)
    {
        if (jwt.KeyId is not null && _byKeyId.TryGetValue(jwt.KeyId, out var named))
            return named;
        if (jwt.KeyId is not null && !allowsUnnamed)
            return null;
        return _onlyOfAlgorithm.TryGetValue(jwt.Algorithm, out var only) && (jwt.KeyId is null || only.Key.KeyId is null) ? only : null;
    }

    private static SignatureProvider? Find(JsonElement member, string rsa)
    {
        if (member.ValueKind != JsonValueKind.Object || !StrictJson.TryGetString(member, "alg", out var algorithm) || !StrictJson.TryGetString(member, "kty", out var type))
            return null;
        return PublicJwk.TryRead(member, algorithm ?? (type == "RSA" ? rsa : SecurityAlgorithms.EcdsaSha256), out var key) ? key.FindVerifier() : null;
    }

    private static bool HaveDistinctKeyIds(IReadOnlyCollection<SignatureProvider> keys)
    {
        var named = keys.Where(key => key.Key.KeyId is not null).ToList();
        return named.DistinctBy(key => key.Key.KeyId, StringComparer.Ordinal).Count() == named.Count;
    }
}
