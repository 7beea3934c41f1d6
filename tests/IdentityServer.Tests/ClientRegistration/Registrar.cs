using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using IdentityServer.Tests.Hosting;

namespace IdentityServer.Tests.ClientRegistration;

/// <summary>The calls of a client that registers itself.</summary>
internal static class Registrar
{
    public const string Path = "/connect/register";
    public const string Callback = "https://app.example/callback";

    public static object Good => new { redirect_uris = new[] { Callback }, client_name = "App" };

    public static Task<Answer> RegistersAsync(this ServerUnderTest server, object? description = null, string? initialToken = null) =>
        server.PostJsonAsync(Path, description ?? Good, initialToken);

    public static Task<Answer> LooksAsync(this ServerUnderTest server, Answer registered, string? token = null) =>
        server.SendAsync(Request(HttpMethod.Get, registered, token));

    public static Task<Answer> RemovesAsync(this ServerUnderTest server, Answer registered, string? token = null) =>
        server.SendAsync(Request(HttpMethod.Delete, registered, token));

    public static Task<Answer> ReplacesAsync(this ServerUnderTest server, Answer registered, object description, string? token = null)
    {
        var request = Request(HttpMethod.Put, registered, token);
        request.Content = new StringContent(description as string ?? JsonSerializer.Serialize(description), Encoding.UTF8, "application/json");
        return server.SendAsync(request);
    }

    /// <param name="token">Empty: none; null: the client's own.</param>
    public static HttpRequestMessage Request(HttpMethod method, Answer registered, string? token) => new(method, $"{Path}/{registered["client_id"]}")
    {
        Headers = { Authorization = token == "" ? null : new AuthenticationHeaderValue("Bearer", token ?? registered["registration_access_token"]) },
    };

    public static string[] Texts(this Answer answer, string name) => [.. answer.Json.GetProperty(name).EnumerateArray().Select(item => item.GetString()!)];
}
