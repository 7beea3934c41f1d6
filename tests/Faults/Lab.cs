using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Testing;

namespace Faults;

/// <summary>A folder of its own with what every fault needs: a fresh cluster to copy, a certificate, a manifest.</summary>
internal sealed class Lab : IAsyncDisposable
{
    public const string Resource = "http://localhost:5010";

    private const string Manifest =
        $$"""
        {
          "clients": [
            { "client_id": "{{Requests.ClientId}}", "client_secret": "{{Requests.ClientSecret}}", "grant_types": ["password", "refresh_token", "client_credentials"],
              "token_endpoint_auth_method": "client_secret_basic", "scope": "data:read data:write offline_access" },
            { "client_id": "resource-api", "client_secret": "resource-api-secret", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic" }
          ],
          "resources": [ { "identifier": "{{Resource}}", "name": "Data store", "scopes": ["data:read", "data:write"], "client_id": "resource-api" } ]
        }
        """;

    private Lab(string folder) => Folder = folder;

    public string Folder { get; }

    public string Template => Path.Combine(Folder, "template");

    public string Certificate => Path.Combine(Folder, "data-protection.pfx");

    public string ManifestPath => Path.Combine(Folder, "manifest.json");

    /// <summary>The output of the programs and of PostgreSQL for faults that did not pass.</summary>
    public static string Logs { get; } = Path.Combine(Repository.Root, "artifacts", "faults");

    public static async Task<Lab> OpenAsync()
    {
        // Not CreateTempSubdirectory: PostgreSQL, which root may not run, must be able to enter.
        var folder = Path.Combine(Path.GetTempPath(), $"identityserver-faults-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        var lab = new Lab(folder);
        await Postgres.NewFolderAsync(Path.Combine(folder, "template"));
        await Postgres.InitialiseAsync(lab.Template);
        await File.WriteAllTextAsync(lab.ManifestPath, Manifest);
        using var key = RSA.Create(3072);
        var request = new CertificateRequest("CN=faults", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(7));
        await File.WriteAllBytesAsync(lab.Certificate, certificate.Export(X509ContentType.Pkcs12));
        return lab;
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
