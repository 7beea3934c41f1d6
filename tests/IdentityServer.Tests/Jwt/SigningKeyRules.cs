using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Dpop;
using IdentityServer.Protocol.Jwt;
using Microsoft.IdentityModel.Tokens;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Jwt;

public sealed class SigningKeyRules
{
    [Theory]
    [InlineData(SecurityAlgorithms.EcdsaSha256)]
    [InlineData(SecurityAlgorithms.RsaSha256)]
    public void A_signed_token_verifies(string algorithm)
    {
        using var key = SigningKey.Generate(algorithm);
        var verifier = new JwtVerifier([key.PublicKey]);

        var token = key.CreateSigner("at+jwt").Sign(Encoding.UTF8.GetBytes(Issuer.Claims()));

        Assert.Equal(JwtError.None, verifier.Verify(token, Issuer.Expectations, Issuer.Now, out var claims));
        Assert.Equal("alice", claims!.Subject);
    }

    [Theory, Rfc("9068", "2.1")]
    [InlineData(SecurityAlgorithms.EcdsaSha256)]
    [InlineData(SecurityAlgorithms.RsaSha256)]
    public void The_header_is_alg_typ_and_kid_and_nothing_else(string algorithm)
    {
        using var key = SigningKey.Generate(algorithm);

        var token = key.CreateSigner("at+jwt").Sign("{}"u8);

        Assert.True(StrictBase64Url.TryDecode(token.Split('.')[0], out var header));
        Assert.Equal($$"""{"alg":"{{algorithm}}","typ":"at+jwt","kid":"{{key.KeyId}}"}""", Encoding.UTF8.GetString(header));
    }

    [Fact]
    public void An_empty_payload_and_a_large_one_are_signed()
    {
        using var verifier = Issuer.ES256.Key.PublicKey.FindVerifier()!;
        foreach (var length in new[] { 0, 1, 2, 3, 100_000 })
        {
            var payload = RandomNumberGenerator.GetBytes(length);
            var parts = Issuer.ES256.Key.CreateSigner("x").Sign(payload).Split('.');

            Assert.True(StrictBase64Url.TryDecode(parts[1], out var sent));
            Assert.True(StrictBase64Url.TryDecode(parts[2], out var signature));
            Assert.Equal(payload, sent);
            Assert.True(verifier.Verify(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), signature));
        }
    }

    [Theory]
    [InlineData(SecurityAlgorithms.EcdsaSha256)]
    [InlineData(SecurityAlgorithms.RsaSha256)]
    public void A_key_survives_export_and_import(string algorithm)
    {
        using var key = SigningKey.Generate(algorithm);
        using var copy = SigningKey.Import(algorithm, key.ExportPkcs8());

        Assert.Equal(key.KeyId, copy.KeyId);
        Assert.Equal(key.ExportPkcs8(), copy.ExportPkcs8());
        Assert.NotSame(key.ExportPkcs8(), key.ExportPkcs8());
    }

    [Fact]
    public void The_key_id_is_the_thumbprint()
    {
        var key = Issuer.ES256.Key;

        Assert.Equal((key.KeyId, key.KeyId, "ES256", "sig"), (Base64Url.EncodeToString(key.PublicKey.ComputeJwkThumbprint()), key.PublicKey.KeyId, key.PublicKey.Alg, key.PublicKey.Use));
    }

    [Fact, Rfc("7517", "4")]
    public void A_published_key_has_no_private_part() => Assert.All([Issuer.ES256, Issuer.RS256], issuer => Assert.False(issuer.Key.PublicKey.HasPrivateKey));

    [Fact]
    public void A_key_of_another_kind_curve_or_size_is_not_imported()
    {
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var brainpool = ECDsa.Create(ECCurve.NamedCurves.brainpoolP256r1);
        using var small = RSA.Create(1024);
        var trailing = new List<byte>(Issuer.ES256.Key.ExportPkcs8()) { 0 }.ToArray();
        var trailingRsa = new List<byte>(Issuer.RS256.Key.ExportPkcs8()) { 0 }.ToArray();

        NotImported(SecurityAlgorithms.EcdsaSha256, p384.ExportPkcs8PrivateKey());
        NotImported(SecurityAlgorithms.EcdsaSha256, brainpool.ExportPkcs8PrivateKey());
        NotImported(SecurityAlgorithms.EcdsaSha256, Issuer.RS256.Key.ExportPkcs8());
        NotImported(SecurityAlgorithms.EcdsaSha256, trailing);
        NotImported(SecurityAlgorithms.EcdsaSha256, []);
        NotImported(SecurityAlgorithms.RsaSha256, small.ExportPkcs8PrivateKey());
        NotImported(SecurityAlgorithms.RsaSha256, Issuer.ES256.Key.ExportPkcs8());
        NotImported(SecurityAlgorithms.RsaSha256, trailingRsa);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("HS256")]
    [InlineData("es256")]
    public void No_other_algorithm_is_supported(string algorithm)
    {
        Assert.Throws<ArgumentException>(() => SigningKey.Generate(algorithm));
        Assert.Throws<ArgumentException>(() => SigningKey.Import(algorithm, []));
    }

    [Fact]
    public void A_disposed_key_no_longer_signs()
    {
        var key = SigningKey.Generate(SecurityAlgorithms.EcdsaSha256);
        var signer = key.CreateSigner("at+jwt");

        key.Dispose();

        Assert.Throws<ObjectDisposedException>(() => signer.Sign("{}"u8));
        Assert.All(key.ExportPkcs8(), octet => Assert.Equal(0, octet));
    }

    [Theory]
    [InlineData(SecurityAlgorithms.EcdsaSha256)]
    [InlineData(SecurityAlgorithms.RsaSha256)]
    public void Many_threads_sign_and_verify_with_one_key_at_once(string algorithm)
    {
        var issuer = algorithm == SecurityAlgorithms.EcdsaSha256 ? Issuer.ES256 : Issuer.RS256;
        var signer = issuer.Key.CreateSigner("at+jwt");
        var claims = Encoding.UTF8.GetBytes(Issuer.Claims());
        var failures = 0;

        var threads = Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 50; i++)
            {
                if (issuer.Verify(signer.Sign(claims)) != JwtError.None)
                    Interlocked.Increment(ref failures);
            }
        })).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        Assert.Equal(0, failures);
    }

    private static void NotImported(string algorithm, byte[] pkcs8) =>
        Assert.ThrowsAny<CryptographicException>(() => SigningKey.Import(algorithm, pkcs8));
}
