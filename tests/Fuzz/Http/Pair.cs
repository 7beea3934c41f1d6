using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Testing;

namespace Fuzz.Http;

/// <summary>Both programs as processes, each on its own database, with rate limits off and cheap hashing.</summary>
internal sealed class Pair : IAsyncDisposable
{
#if DEBUG
    private const string Build = "Debug";
#else
    private const string Build = "Release";
#endif

    public const string Client = "postman";
    public const string ClientSecret = "postman-development-secret";
    public const string ResourceClient = "resource-api";
    public const string ResourceSecret = "resource-api-development-secret";

    private const string Resource = "http://localhost:5010";

    private readonly Stack<IAsyncDisposable> _started = new();
    private readonly string _mail = Directory.CreateTempSubdirectory("fuzz-mail-").FullName;

    private Pair()
    {
    }

    public ProgramProcess Identity { get; private set; } = null!;

    public ProgramProcess Api { get; private set; } = null!;

    /// <param name="settings">For both programs: <c>Limits:IdleTimeout=3</c>.</param>
    public static async Task<Pair> StartAsync(params string[] settings)
    {
        var pair = new Pair();
        try
        {
            await pair.StartBothAsync([.. settings.Select(setting => "--" + setting)]);
            return pair;
        }
        catch
        {
            await pair.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var last))
            await last.DisposeAsync();
        Directory.Delete(_mail, recursive: true);
    }

    /// <summary>A client's own token, for the ResourceApi.</summary>
    public async Task<string> GetTokenAsync()
    {
        using var http = new HttpClient { BaseAddress = Identity.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/connect/token") { Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Basic(Client, ClientSecret));
        using var answer = await http.SendAsync(request);
        return JsonDocument.Parse(await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync()).RootElement.GetProperty("access_token").GetString()!;
    }

    public static string Basic(string id, string secret) => Convert.ToBase64String(Encoding.ASCII.GetBytes($"{id}:{secret}"));

    /// <summary>Bytes that the process holds in memory.</summary>
    public static long ResidentBytes(ProgramProcess program)
    {
        var line = File.ReadLines($"/proc/{program.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6).TrimEnd("kB").Trim(), NumberStyles.None, CultureInfo.InvariantCulture) * 1024;
    }

    private async Task StartBothAsync(string[] settings)
    {
        var identity = Keep(await TestDatabase.CreateEmptyAsync());
        var data = Keep(await TestDatabase.CreateEmptyAsync());
        var port = ProgramProcess.FreePort();
        Identity = Keep(Start("IdentityServer", port,
        [
            $"--ConnectionStrings:IdentityServer={identity.ConnectionString}",
            $"--IdentityServer:Issuer=http://127.0.0.1:{port}",
            $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
            $"--Mail:Directory={_mail}",
            "--Limits:Enabled=false",
            "--Registration:Mode=open",
            "--Password:Iterations=1000",
            .. settings,
        ]));
        await Identity.AnswersAsync();
        Api = Keep(Start("ResourceApi", ProgramProcess.FreePort(),
        [
            $"--ConnectionStrings:ResourceApi={data.ConnectionString}",
            $"--ResourceApi:Authority={Identity.Address.GetLeftPart(UriPartial.Authority)}",
            $"--ResourceApi:Resource={Resource}",
            $"--ResourceApi:ClientId={ResourceClient}",
            $"--ResourceApi:ClientSecret={ResourceSecret}",
            .. settings,
        ]));
        await Api.AnswersAsync();
    }

    private static ProgramProcess Start(string name, int port, string[] arguments) => ProgramProcess.Start(
        Path.Combine(Repository.Root, "src", name, "bin", Build, "net10.0", $"{name}.dll"),
        arguments,
        new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}",
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
        });

    private T Keep<T>(T started) where T : IAsyncDisposable
    {
        _started.Push(started);
        return started;
    }
}
