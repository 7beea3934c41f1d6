using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Testing;

namespace EndToEnd;

/// <summary>Both programs in Production, on databases of their own; their secrets come from the test.</summary>
internal sealed class Production : IAsyncDisposable
{
    public const string Secret = "canary-secret-of-a-shop", ApiSecret = "canary-secret-of-an-api", Password = "canary-password-of-bob";

    private readonly Stack<IAsyncDisposable> _started = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    private Production()
    {
    }

    public ProgramProcess Server { get; private set; } = null!;
    public ProgramProcess Api { get; private set; } = null!;

    /// <param name="environment">For both programs.</param>
    /// <param name="settings">For both programs.</param>
    public static async Task<Production> StartAsync(Dictionary<string, string?>? environment = null, params string[] settings)
    {
        var production = new Production();
        try
        {
            await production.StartProgramsAsync(new(environment ?? []) { ["ASPNETCORE_ENVIRONMENT"] = "Production" }, settings);
            return production;
        }
        catch
        {
            await production.DisposeAsync();
            throw;
        }
    }

    /// <summary>The address of the program's metrics, from its output.</summary>
    public static async Task<Uri> MetricsOfAsync(ProgramProcess program)
    {
        var line = await program.SaysAsync("Metrics at ");
        return new Uri(new Uri(line[line.IndexOf("http://", StringComparison.Ordinal)..].Split('"')[0]), "/metrics");
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var last))
            await last.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task StartProgramsAsync(Dictionary<string, string?> environment, string[] settings)
    {
        var identity = Keep(await TestDatabase.CreateEmptyAsync());
        var data = Keep(await TestDatabase.CreateEmptyAsync());
        var (certificate, manifest) = (Path.Combine(_folder.FullName, "protection.pfx"), Path.Combine(_folder.FullName, "manifest.json"));
        using (var key = RSA.Create(2048))
        {
            using var made = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
            await File.WriteAllBytesAsync(certificate, made.Export(X509ContentType.Pfx));
        }
        await File.WriteAllTextAsync(manifest, $$"""
            {
              "clients": [
                { "client_id": "shop", "client_secret": "{{Secret}}", "grant_types": ["password", "refresh_token", "client_credentials"], "scope": "data:read data:write offline_access" },
                { "client_id": "api", "client_secret": "{{ApiSecret}}", "grant_types": ["client_credentials"] }
              ],
              "resources": [ { "identifier": "{{Programs.Resource}}", "name": "Data", "scopes": ["data:read", "data:write"], "client_id": "api" } ],
              "users": [ { "username": "bob", "email": "bob@example.com", "password": "{{Password}}" } ]
            }
            """);
        Server = Keep(Programs.StartIdentityServer(identity.ConnectionString, ProgramProcess.FreePort(), environment,
        [
            "--IdentityServer:AllowInsecureHttp=true", $"--IdentityServer:Manifest={manifest}", $"--DataProtection:CertificatePath={certificate}",
            $"--Mail:Directory={_folder.FullName}", .. settings,
        ]));
        await Server.AnswersAsync();
        Api = Keep(Programs.StartResourceApi(data.ConnectionString, Server.Address, environment,
            ["--ResourceApi:AllowInsecureHttp=true", "--ResourceApi:ClientId=api", $"--ResourceApi:ClientSecret={ApiSecret}", .. settings]));
        await Api.AnswersAsync();
    }

    private T Keep<T>(T started) where T : IAsyncDisposable
    {
        _started.Push(started);
        return started;
    }
}
