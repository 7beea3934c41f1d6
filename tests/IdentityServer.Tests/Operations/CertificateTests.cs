using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>A data protection certificate, made the way an operator makes one.</summary>
internal sealed class Certificate : IDisposable
{
    public Certificate(string? password = null)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        // It expired long ago: only its key counts, and a date must not stop a node.
        using var certificate = request.CreateSelfSigned(new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2021, 1, 1, 0, 0, 0, TimeSpan.Zero));
        File.WriteAllBytes(Path, certificate.Export(X509ContentType.Pkcs12, password));
    }

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"{Guid.NewGuid():N}.pfx");

    public string Setting => $"--DataProtection:CertificatePath={Path}";

    public void Dispose() => File.Delete(Path);
}

/// <summary>The data protection certificate is replaced while nodes run, and nobody is signed out.</summary>
public sealed class CertificateTests
{
    private static readonly string OldPath = Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx");

    [Fact]
    public async Task A_certificate_is_replaced_in_three_steps_and_every_token_still_works()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var before = await server.SignsInAsync();
        using var certificate = new Certificate("pass phrase");
        string[] both = [certificate.Setting, "--DataProtection:CertificatePassword=pass phrase", $"--DataProtection:PreviousCertificatePath={OldPath}"];

        // 1. Nodes that know both stand beside those that know the old one.
        await using (var node = await server.StartNodeAsync(both))
            Assert.Equal(HttpStatusCode.OK, (await node.RefreshesAsync(before.RefreshToken)).Status);
        await using (var old = await server.StartNodeAsync())
            Assert.Equal("True", (await old.IntrospectsAsync(before.AccessToken))["active"]);

        // 2. The ring is encrypted again; a second run changes nothing.
        for (var i = 0; i < 2; i++)
        {
            await using var rewrap = BackupTests.Run("rewrap-keys", server.ConnectionString, both);
            Assert.Equal(0, await rewrap.ExitsAsync());
            Assert.Equal(["Encrypted 1 key of the ring with DataProtection:CertificatePath."], rewrap.Lines);
        }

        // 3. The old one is no longer needed, and decrypts nothing.
        await using var renewed = await server.StartNodeAsync(certificate.Setting, "--DataProtection:CertificatePassword=pass phrase");
        Assert.Equal("True", (await renewed.IntrospectsAsync(before.AccessToken))["active"]);
        Assert.Equal(await BackupTests.KeysAsync(server), await BackupTests.KeysAsync(renewed));
        Assert.Equal(HttpStatusCode.OK, (await renewed.SignsInAsync()).Status);
        var refused = await Assert.ThrowsAsync<StartupException>(() => server.StartNodeAsync());
        Assert.Contains("DataProtection:CertificatePath names another certificate", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM data_protection_keys"));
    }

    [Fact]
    public async Task A_key_ring_that_neither_certificate_can_decrypt_is_left_alone()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var one = new Certificate();
        using var other = new Certificate();

        await using var rewrap = BackupTests.Run("rewrap-keys", server.ConnectionString, one.Setting, $"--DataProtection:PreviousCertificatePath={other.Path}");

        Assert.Equal(1, await rewrap.ExitsAsync());
        Assert.Contains("DataProtection:CertificatePath", Assert.Single(rewrap.Lines), StringComparison.Ordinal);
        await using var node = await server.StartNodeAsync();
        Assert.Equal(HttpStatusCode.OK, (await node.SignsInAsync()).Status);
    }

    [Theory]
    [InlineData("/nonexistent.pfx", "existing PKCS#12 file")]
    [InlineData("/dev/null", "DataProtection:PreviousCertificatePassword")]
    public async Task A_previous_certificate_that_cannot_be_read_is_named(string path, string what)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartOnAsync("Host=/nonexistent;Database=x", $"--DataProtection:PreviousCertificatePath={path}"));

        Assert.Contains($"The setting DataProtection:PreviousCertificatePath is \"{path}\"", refused.Message, StringComparison.Ordinal);
        Assert.Contains(what, refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists("/nonexistent.pfx"));
    }
}
