using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace IdentityServer.Tests.Hosting;

/// <summary>An answer as a test reads it.</summary>
internal sealed record Answer(HttpStatusCode Status, string Body, HttpResponseMessage Message)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;
    public string? this[string name] => Json.TryGetProperty(name, out var value) ? value.ToString() : null;
    public string? Error => this["error"];
    public string? AccessToken => this["access_token"];
    public string? RefreshToken => this["refresh_token"];

    /// <summary>The member of the envelope's <c>data</c>.</summary>
    public string? Data(string name) =>
        Json.TryGetProperty("data", out var data) && data.TryGetProperty(name, out var value) ? value.ToString() : null;
}

/// <summary>What tests do over HTTP, in words.</summary>
internal static class Calls
{
    public static Task<Answer> PostFormAsync(this ServerUnderTest server, string path, (string Name, string Value)[] form, AuthenticationHeaderValue? authorization = null) =>
        server.SendAsync(new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
            Headers = { Authorization = authorization },
        });

    public static Task<Answer> PostJsonAsync(this ServerUnderTest server, string path, object body, string? bearer = null) =>
        server.SendAsync(new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body as string ?? JsonSerializer.Serialize(body), Encoding.UTF8, "application/json"),
            Headers = { Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer) },
        });

    public static async Task<Answer> SendAsync(this ServerUnderTest server, HttpRequestMessage request)
    {
        var message = await server.Http.SendAsync(request);
        return new Answer(message.StatusCode, await message.Content.ReadAsStringAsync(), message);
    }

    /// <summary>RFC 6749 §2.3.1: form-urlencoded, then base64.</summary>
    public static AuthenticationHeaderValue Basic(string clientId, string secret) => new(
        "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{WebUtility.UrlEncode(clientId)}:{WebUtility.UrlEncode(secret)}")));

    public static AuthenticationHeaderValue AsShop => Basic(World.Shop, World.ShopSecret);

    public static AuthenticationHeaderValue AsRival => Basic(World.Rival, World.RivalSecret);

    public static AuthenticationHeaderValue AsResourceApi => Basic(World.ResourceApi, World.ResourceApiSecret);

    public static Task<Answer> SignsInAsync(this ServerUnderTest server, string username = World.Alice, string password = World.AlicePassword, AuthenticationHeaderValue? client = null, string? scope = null) =>
        server.PostFormAsync("/connect/token", Form([("grant_type", "password"), ("username", username), ("password", password)], scope), client ?? AsShop);

    public static Task<Answer> RefreshesAsync(this ServerUnderTest server, string? refreshToken, AuthenticationHeaderValue? client = null, string? scope = null) =>
        server.PostFormAsync("/connect/token", Form([("grant_type", "refresh_token"), ("refresh_token", refreshToken ?? "")], scope), client ?? AsShop);

    public static Task<Answer> IntrospectsAsync(this ServerUnderTest server, string? token, AuthenticationHeaderValue? client = null) =>
        server.PostFormAsync("/connect/introspect", [("token", token ?? "")], client ?? AsResourceApi);

    public static Task<Answer> RevokesAsync(this ServerUnderTest server, string? token, AuthenticationHeaderValue? client = null) =>
        server.PostFormAsync("/connect/revoke", [("token", token ?? "")], client ?? AsShop);

    private static (string, string)[] Form((string, string)[] form, string? scope) =>
        scope is null ? form : [.. form, ("scope", scope)];
}
