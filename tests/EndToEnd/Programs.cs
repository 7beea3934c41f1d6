using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Testing;

namespace EndToEnd;

/// <summary>The programs as they are built, as processes, on databases of their own.</summary>
internal static class Programs
{
#if DEBUG
    private const string Build = "Debug";
#else
    private const string Build = "Release";
#endif

    public const string Resource = "http://localhost:5010";

    public static ProgramProcess StartIdentityServer(string connectionString, int port, params string[] arguments) => StartIdentityServer(connectionString, port, Development, arguments);

    public static ProgramProcess StartIdentityServer(string connectionString, int port, Dictionary<string, string?> environment, string[] arguments) => Start("IdentityServer", port, environment,
    [
        $"--ConnectionStrings:IdentityServer={connectionString}",
        $"--IdentityServer:Issuer=http://127.0.0.1:{port}",
        $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
        $"--Mail:Directory={Path.Combine(Repository.Root, ".data", "tests-mail")}",
        "--Limits:Enabled=false",
        "--Password:Iterations=1000",
        .. arguments,
    ]);

    public static ProgramProcess StartResourceApi(string connectionString, Uri issuer, params string[] arguments) => StartResourceApi(connectionString, issuer, Development, arguments);

    public static ProgramProcess StartResourceApi(string connectionString, Uri issuer, Dictionary<string, string?> environment, string[] arguments) => Start("ResourceApi", ProgramProcess.FreePort(), environment,
    [
        $"--ConnectionStrings:ResourceApi={connectionString}",
        $"--ResourceApi:Authority={issuer.GetLeftPart(UriPartial.Authority)}",
        $"--ResourceApi:Resource={Resource}",
        "--ResourceApi:ClientId=resource-api",
        "--ResourceApi:ClientSecret=resource-api-development-secret",
        .. arguments,
    ]);

    private static Dictionary<string, string?> Development => new() { ["ASPNETCORE_ENVIRONMENT"] = "Development" };

    private static ProgramProcess Start(string name, int port, Dictionary<string, string?> environment, string[] arguments) => ProgramProcess.Start(
        Path.Combine(Repository.Root, "src", name, "bin", Build, "net10.0", $"{name}.dll"),
        arguments,
        new Dictionary<string, string?>(environment) { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}" });

    public static async Task<(HttpStatusCode Status, JsonElement Json)> SendAsync(this ProgramProcess program, HttpMethod method, string path, object? json = null, string? bearer = null)
    {
        using var http = new HttpClient { BaseAddress = program.Address };
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
            request.Content = new StringContent(JsonSerializer.Serialize(json), Encoding.UTF8, "application/json");
        if (bearer is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        return await ReadAsync(await http.SendAsync(request));
    }

    public static async Task<(HttpStatusCode Status, JsonElement Json)> PostFormAsync(this ProgramProcess program, string path, params (string Name, string Value)[] form)
    {
        using var http = new HttpClient { BaseAddress = program.Address };
        return await ReadAsync(await http.PostAsync(new Uri(path, UriKind.Relative), new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value)))));
    }

    private static async Task<(HttpStatusCode, JsonElement)> ReadAsync(HttpResponseMessage answer)
    {
        var body = await answer.Content.ReadAsStringAsync();
        return (answer.StatusCode, body.Length == 0 ? default : JsonDocument.Parse(body).RootElement);
    }
}
