using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

public sealed class SignatureRules
{
    // FIPS 186-4 D.1.2.3: the order of the group.
    private const string Order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

    private static readonly Issuer Issuer = Issuer.ES256;
    private static readonly string SigningInput = WithoutSignature(Issuer.ES256.Token());

    [Fact]
    public void A_changed_payload_or_signature_is_refused()
    {
        var parts = Issuer.Token().Split('.');
        var others = Issuer.Token(claims: Issuer.Claims("sub", "\"mallory\"")).Split('.');

        Assert.Equal(JwtError.BadSignature, Issuer.Verify($"{parts[0]}.{others[1]}.{parts[2]}"));
        Assert.Equal(JwtError.BadSignature, Issuer.Verify($"{parts[0]}.{parts[1]}.{others[2]}"));
        Assert.Equal(JwtError.BadSignature, Issuer.RS256.Verify(
            Issuer.RS256.Token()[..^4] + "AAAA"));
    }

    [Fact]
    public void Another_keys_signature_is_refused()
    {
        using var other = SigningKey.Generate(SecurityAlgorithms.EcdsaSha256);
        var liar = new JwtVerifier([Issuer.Named(other, Issuer.Key.KeyId)]);

        Assert.Equal(JwtError.BadSignature, liar.Verify(Issuer.Token(), Issuer.Expectations, Issuer.Now, out _));
    }

    [Fact, Rfc("7518", "3.4")]
    public void An_ecdsa_signature_of_zeros_is_refused()
    {
        var good = Issuer.Signature(SigningInput);
        Refused(new byte[64]);
        Refused([.. new byte[32], .. good[32..]]);
        Refused([.. good[..32], .. new byte[32]]);
    }

    [Fact]
    public void An_ecdsa_signature_out_of_range_is_refused()
    {
        var good = Issuer.Signature(SigningInput);
        var order = Convert.FromHexString(Order);
        Refused([.. order, .. good[32..]]);
        Refused([.. good[..32], .. order]);
        Refused([.. order, .. order]);
        Refused(Convert.FromHexString(new string('F', 128)));
    }

    [Fact, Rfc("7518", "3.4")]
    public void An_ecdsa_signature_in_der_is_refused()
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(Issuer.Key.ExportPkcs8(), out _);
        Refused(key.SignData(Encoding.ASCII.GetBytes(SigningInput), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
    }

    [Fact, Rfc("7518", "3.4")]
    public void An_ecdsa_signature_that_is_not_64_octets_is_refused()
    {
        var good = Issuer.Signature(SigningInput);
        Refused([]);
        Refused(good[..63]);
        Refused([.. good, 0]);
        Refused([0, .. good]);
        Refused([.. good, .. good]);
        // The same numbers in wider fields.
        Refused([0, .. good[..32], 0, .. good[32..]]);
    }

    [Fact, Rfc("8017", "8.2.2")]
    public void An_rsa_signature_that_is_not_as_long_as_the_modulus_is_refused()
    {
        var token = Issuer.RS256.Token();
        var input = WithoutSignature(token);
        var good = Issuer.RS256.Signature(input);

        foreach (var signature in new byte[][] { [], good[..255], [.. good, 0], [0, .. good], new byte[256] })
            Assert.Equal(JwtError.BadSignature, Issuer.RS256.Verify($"{input}.{Base64Url.EncodeToString(signature)}"));
    }

    [Fact, Rfc("7518", "3.3")]
    public void An_rsa_signature_of_another_padding_or_hash_is_refused()
    {
        var token = Issuer.RS256.Token();
        var input = WithoutSignature(token);
        using var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(Issuer.RS256.Key.ExportPkcs8(), out _);
        var data = Encoding.ASCII.GetBytes(input);

        foreach (var signature in new[]
        {
            rsa.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
            rsa.SignData(data, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
        })
            Assert.Equal(JwtError.BadSignature, Issuer.RS256.Verify($"{input}.{Base64Url.EncodeToString(signature)}"));
    }

    [Fact]
    public void No_claims_are_returned_for_a_token_with_a_bad_signature()
    {
        Assert.Equal(JwtError.BadSignature, Issuer.Verifier.Verify($"{SigningInput}.{Base64Url.EncodeToString(new byte[64])}", Issuer.Expectations, Issuer.Now, out var claims));
        Assert.Null(claims);
    }

    private static string WithoutSignature(string token) => token[..token.LastIndexOf('.')];

    private static void Refused(byte[] signature) =>
        Assert.Equal(JwtError.BadSignature, Issuer.Verify($"{SigningInput}.{Base64Url.EncodeToString(signature)}"));
}
