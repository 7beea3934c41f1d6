using System.Buffers.Text;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;

namespace Benchmarks.Floors;

/// <summary>
/// Signs a JWT of the sample's size: its claims with a fresh <c>jti</c>, <c>iat</c> and <c>exp</c>.
/// Bare calls of the base library, a key for each thread, nothing allocated.
/// </summary>
internal sealed class SignedAnswer : IAnswer
{
    private readonly byte[] _before;
    private readonly byte[] _after;
    private readonly byte[] _headerAndDot;
    private readonly byte[] _claims;
    private readonly int _jwtId;
    private readonly int _issuedAt;
    private readonly int _expiresAt;
    private readonly int _signatureLength;
    private readonly bool _isRsa;
    private readonly byte[] _pkcs8;
    private readonly ThreadLocal<Signer> _signers;

    public SignedAnswer(byte[] sample, string algorithm)
    {
        var text = Encoding.ASCII.GetString(sample);
        var start = text.IndexOf("eyJ", StringComparison.Ordinal);
        var end = text.IndexOf('"', start);
        var parts = text[start..end].Split('.');
        (_before, _after) = (sample[..start], sample[end..]);
        _headerAndDot = Encoding.ASCII.GetBytes(parts[0] + ".");
        _claims = Base64Url.DecodeFromChars(parts[1]);
        _jwtId = ValueAt("\"jti\":\"");
        _issuedAt = ValueAt("\"iat\":");
        _expiresAt = ValueAt("\"exp\":");
        _signatureLength = Base64Url.DecodeFromChars(parts[2]).Length;
        _isRsa = algorithm == "rs256";
        using AsymmetricAlgorithm key = _isRsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _pkcs8 = key.ExportPkcs8PrivateKey();
        _signers = new ThreadLocal<Signer>(() => new Signer(_pkcs8, _isRsa, [.. _claims]));
        Length = sample.Length;
    }

    public int Length { get; }

    public void Write(ReadOnlySpan<byte> value, PipeWriter writer)
    {
        var signer = _signers.Value!;
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        Base64Url.EncodeToUtf8(random, signer.Claims.AsSpan(_jwtId), out _, out _);
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        now.TryFormat(signer.Claims.AsSpan(_issuedAt), out _);
        (now + 3600).TryFormat(signer.Claims.AsSpan(_expiresAt), out _);

        var answer = writer.GetSpan(Length);
        _before.CopyTo(answer);
        var token = answer[_before.Length..];
        _headerAndDot.CopyTo(token);
        Base64Url.EncodeToUtf8(signer.Claims, token[_headerAndDot.Length..], out _, out var payload);
        var signed = _headerAndDot.Length + payload;

        Span<byte> signature = stackalloc byte[_signatureLength];
        signer.Sign(token[..signed], signature);
        token[signed] = (byte)'.';
        Base64Url.EncodeToUtf8(signature, token[(signed + 1)..], out _, out var written);
        _after.CopyTo(token[(signed + 1 + written)..]);
        writer.Advance(Length);
    }

    private int ValueAt(string member)
    {
        var at = Encoding.UTF8.GetString(_claims).IndexOf(member, StringComparison.Ordinal);
        return at >= 0 ? at + member.Length : throw new InvalidOperationException($"The sample's token has no {member}.");
    }

    private sealed class Signer
    {
        private readonly ECDsa? _ec;
        private readonly RSA? _rsa;

        public Signer(byte[] pkcs8, bool isRsa, byte[] claims)
        {
            Claims = claims;
            AsymmetricAlgorithm key = isRsa ? _rsa = RSA.Create() : _ec = ECDsa.Create();
            key.ImportPkcs8PrivateKey(pkcs8, out _);
        }

        /// <summary>This thread's copy.</summary>
        public byte[] Claims { get; }

        public void Sign(ReadOnlySpan<byte> data, Span<byte> signature)
        {
            var isSigned = _ec is not null
                ? _ec.TrySignData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation, out _)
                : _rsa!.TrySignData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1, out _);
            if (!isSigned)
                throw new CryptographicException("The signature is longer than the sample's.");
        }
    }
}
