using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Faults;

/// <summary>The requests that the load makes.</summary>
internal static class Requests
{
    public const string ClientId = "faults";
    public const string ClientSecret = "a-secret-of-the-fault-tests";
    public const string AccountApi = "account-api";

    private static readonly AuthenticationHeaderValue Basic = new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{ClientId}:{ClientSecret}")));

    public static HttpRequestMessage Register(string user, string password) =>
        Post("/api/register", new { username = user, email = Email(user), password, full_name = user, gender = "other" });

    public static string Email(string user) => user + "@example.com";

    public static HttpRequestMessage Login(string user, string password) => Post("/login", new { username = user, password });

    public static HttpRequestMessage Logout(string access) => Authorized(new HttpRequestMessage(HttpMethod.Post, "/logout"), access);

    public static HttpRequestMessage AskReset(string user) => Post("/auth/reset_password", new { email = Email(user) });

    public static HttpRequestMessage Reset(string user, string token, string password) =>
        Post("/auth/reset_password", new { email = Email(user), reset_token = token, new_password = password });

    public static HttpRequestMessage Password(string user, string password) =>
        Form("/connect/token", ClientId, ("grant_type", "password"), ("username", user), ("password", password));

    public static HttpRequestMessage ClientCredentials() => Form("/connect/token", ClientId, ("grant_type", "client_credentials"));

    public static HttpRequestMessage Refresh(string client, string token) => Form("/connect/token", client, ("grant_type", "refresh_token"), ("refresh_token", token));

    public static HttpRequestMessage Revoke(string client, string token) => Form("/connect/revoke", client, ("token", token));

    public static HttpRequestMessage Introspect(string token) => Form("/connect/introspect", ClientId, ("token", token));

    public static HttpRequestMessage Create(string access, string key, string value) => Authorized(Post("/api/data", new { key, value }), access);

    public static HttpRequestMessage Update(string access, string key, string value) =>
        Authorized(new HttpRequestMessage(HttpMethod.Put, "/api/data/" + key) { Content = Json(new { value }) }, access);

    public static HttpRequestMessage Delete(string access, string key) => Authorized(new HttpRequestMessage(HttpMethod.Delete, "/api/data/" + key), access);

    public static HttpRequestMessage Get(string access, string key) => Authorized(new HttpRequestMessage(HttpMethod.Get, "/api/data/" + key), access);

    public static HttpRequestMessage List(string access) => Authorized(new HttpRequestMessage(HttpMethod.Get, "/api/data?limit=1"), access);

    private static HttpRequestMessage Form(string path, string client, params (string Name, string Value)[] form)
    {
        var pairs = form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value));
        if (client != ClientId)
            pairs = pairs.Append(KeyValuePair.Create("client_id", client));
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(pairs) };
        if (client == ClientId)
            request.Headers.Authorization = Basic;
        return request;
    }

    private static HttpRequestMessage Post(string path, object json) => new(HttpMethod.Post, path) { Content = Json(json) };

    private static StringContent Json(object json) => new(JsonSerializer.Serialize(json), Encoding.UTF8, "application/json");

    private static HttpRequestMessage Authorized(HttpRequestMessage request, string access)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", access);
        return request;
    }
}
