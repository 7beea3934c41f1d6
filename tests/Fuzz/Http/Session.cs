using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Fuzz.Http;

/// <summary>A person of its own with live tokens, so that hostile requests get past the first checks.</summary>
/// <param name="Name">The user's name.</param>
/// <param name="UserToken">An access token of the account API.</param>
/// <param name="RefreshToken">Of the confidential client.</param>
/// <param name="ClientToken">The client's own.</param>
/// <param name="Cursor">A place in the revocation feed.</param>
internal sealed record Session(string Name, string UserToken, string RefreshToken, string ClientToken, string Cursor)
{
    /// <summary>Marked, so that it is found where it must not be.</summary>
    public const string Password = "fuzz-passw0rd-of-a-person";

    public static async Task<Session> OpenAsync(Pair pair, int number)
    {
        using var http = new HttpClient { BaseAddress = pair.Identity.Address, Timeout = TimeSpan.FromSeconds(20) };
        var name = string.Create(CultureInfo.InvariantCulture, $"fuzz{number}");
        var json = new StringContent(JsonSerializer.Serialize(new { username = name, password = Password, email = $"{name}@example.com" }), Encoding.UTF8, "application/json");
        using var registered = await http.PostAsync(new Uri("/register", UriKind.Relative), json);
        var user = await TokenOf(registered, "data");
        http.DefaultRequestHeaders.Authorization = new("Basic", Pair.Basic(Pair.Client, Pair.ClientSecret));
        using var signedIn = await http.PostAsync(new Uri("/connect/token", UriKind.Relative), new FormUrlEncodedContent(
            [new("grant_type", "password"), new("username", name), new("password", Password)]));
        var refresh = (await ReadAsync(signedIn)).GetProperty("refresh_token").GetString()!;
        http.DefaultRequestHeaders.Authorization = new("Basic", Pair.Basic(Pair.ResourceClient, Pair.ResourceSecret));
        using var feed = await http.GetAsync(new Uri("/connect/revocations", UriKind.Relative));
        return new Session(name, user, refresh, await pair.GetTokenAsync(), WebUtility.UrlEncode((await ReadAsync(feed)).GetProperty("cursor").GetString()!));
    }

    private static async Task<string> TokenOf(HttpResponseMessage answer, string member) => (await ReadAsync(answer)).GetProperty(member).GetProperty("access_token").GetString()!;

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        var body = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonDocument.Parse(body).RootElement : throw new InvalidOperationException($"The server does not do its job: {(int)answer.StatusCode} {body}");
    }
}
