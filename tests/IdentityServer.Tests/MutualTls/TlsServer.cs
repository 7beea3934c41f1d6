using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.MutualTls;

/// <summary>A server that listens by https, asks for client certificates, and trusts an authority.</summary>
public sealed class TlsServer : IAsyncLifetime
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pfx");

    private readonly string _authorities = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pem");

    internal ServerUnderTest Server { get; private set; } = null!;

    /// <summary>A trusted root; <see cref="Below"/> is trusted too.</summary>
    internal TestAuthority Root { get; } = new("CN=Root");

    /// <summary>Issued by the root, and in the same file.</summary>
    internal TestAuthority Below => field ??= new("CN=Below", Root);

    internal string[] Trusting => ["--MutualTls:Enabled=true", $"--MutualTls:Authorities={_authorities}"];

    /// <summary>The settings it listens with, for a second node.</summary>
    internal string[] Listening => ["--urls=https://127.0.0.1:0", $"--Kestrel:Certificates:Default:Path={_file}", "--Kestrel:Certificates:Default:Password=test"];

    public async ValueTask InitializeAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await File.WriteAllBytesAsync(_file, certificate.ExportPkcs12(Pkcs12ExportPbeParameters.Pbes2Aes256Sha256, "test"));
        await File.WriteAllTextAsync(_authorities, $"{Root.Pem}\n{Below.Pem}\n");
        Server = await ServerUnderTest.StartAsync([.. Listening, .. Trusting, "--Registration:Mode=open"]);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        File.Delete(_file);
        File.Delete(_authorities);
    }
}
