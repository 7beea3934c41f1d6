using System.Buffers;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Jose;

/// <summary>Verifies tokens against one key set. Immutable and thread-safe: a new set is a new verifier.</summary>
public sealed class JwtVerifier
{
    /// <summary>Characters of a token.</summary>
    public const int MaximumTokenLength = 16 * 1024;

    /// <summary>Octets of a decoded header.</summary>
    public const int MaximumHeaderLength = 2 * 1024;

    private readonly FrozenDictionary<string, PublicKey> _byKeyId;
    private readonly FrozenDictionary<string, JsonWebKey> _onlyOfAlgorithm;

    public JwtVerifier(JsonWebKeySet keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        Keys = keys;
        var usable = keys.Keys.Where(key => key.MayVerify).ToArray();
        _byKeyId = usable.Where(key => key.KeyId is not null)
            .ToFrozenDictionary(key => key.KeyId!, key => key.Key, StringComparer.Ordinal);
        _onlyOfAlgorithm = usable.GroupBy(key => key.Key.Algorithm)
            .Where(group => group.Count() == 1)
            .ToFrozenDictionary(group => group.Key, group => group.Single(), StringComparer.Ordinal);
    }

    public JsonWebKeySet Keys { get; }

    /// <summary>Returns <see cref="JwtError.None"/> and the claims, or the reason; never throws on what a token holds.</summary>
    public JwtError Verify(ReadOnlySpan<byte> token, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        ArgumentNullException.ThrowIfNull(expectations);
        claims = null;
        if (token.Length > MaximumTokenLength)
            return JwtError.TooLarge;

        var buffer = ArrayPool<byte>.Shared.Rent(token.Length);
        try
        {
            return CompactJws.TryDecode(token, buffer, out var jws)
                ? Verify(jws, expectations, now, out claims)
                : JwtError.Malformed;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc cref="Verify(ReadOnlySpan{byte}, JwtExpectations, DateTimeOffset, out JwtClaims?)"/>
    public JwtError Verify(string token, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        ArgumentNullException.ThrowIfNull(token);
        claims = null;
        if (token.Length > MaximumTokenLength)
            return JwtError.TooLarge;

        var ascii = ArrayPool<byte>.Shared.Rent(token.Length);
        try
        {
            return Ascii.FromUtf16(token, ascii, out var length) == OperationStatus.Done
                ? Verify(ascii.AsSpan(0, length), expectations, now, out claims)
                : JwtError.Malformed;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(ascii);
        }
    }

    // What costs least is asked first; no claim is looked at before the signature holds.
    private JwtError Verify(in CompactJws jws, JwtExpectations expectations, DateTimeOffset now, out JwtClaims? claims)
    {
        claims = null;
        if (jws.Header.Length > MaximumHeaderLength)
            return JwtError.TooLarge;

        var error = JoseHeader.Read(jws.Header, out var header);
        if (error != JwtError.None)
            return error;

        if (!header!.IsOfType(expectations.Type) && !(expectations.AllowsPlainType && header.IsPlain))
            return JwtError.WrongType;

        if (!TryFindKey(header, expectations.AllowsUnnamedKey, out var key))
            return JwtError.UnknownKey;

        // RFC 8725 §3.1: the key says what it is for, the token can only agree.
        if (header.Algorithm != key.Algorithm)
            return JwtError.UnsupportedAlgorithm;

        if (!key.Verify(jws.SigningInput, jws.Signature))
            return JwtError.BadSignature;

        return JwtClaims.Read(jws.Payload, expectations, now, out claims);
    }

    // Without a kid there must be no choice: keys are not tried one after another.
    private bool TryFindKey(JoseHeader header, bool allowsUnnamed, [NotNullWhen(true)] out PublicKey? key)
    {
        key = null;
        if (header.KeyId is not null && _byKeyId.TryGetValue(header.KeyId, out key))
            return true;
        if (header.KeyId is not null && !allowsUnnamed)
            return false;
        if (_onlyOfAlgorithm.TryGetValue(header.Algorithm, out var only) && (header.KeyId is null || only.KeyId is null))
            key = only.Key;
        return key is not null;
    }
}
