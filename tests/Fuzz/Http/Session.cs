using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Fuzz.Http;

/// <summary>A separate user with live tokens, so that hostile requests get past the first checks.</summary>
/// <param name="Name">The user's name.</param>
/// <param name="UserToken">An access token of the account API.</param>
/// <param name="RefreshToken">Of the confidential client.</param>
/// <param name="ClientToken">The client's own.</param>
/// <param name="Cursor">A place in the revocation feed.</param>
/// <param name="Cookies">Of the person's browser, which is signed in.</param>
/// <param name="Antiforgery">What a form of that browser holds.</param>
internal sealed partial record Session(string Name, string UserToken, string RefreshToken, string ClientToken, string Cursor, string Cookies, string Antiforgery)
{
    /// <summary>Distinctive, so that it is found where it must not be.</summary>
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
        var cursor = WebUtility.UrlEncode((await ReadAsync(feed)).GetProperty("cursor").GetString()!);
        var (cookies, antiforgery) = await SignInAsync(pair.Identity.Address, name);
        return new Session(name, user, refresh, await pair.GetTokenAsync(), cursor, cookies, antiforgery);
    }

    private static async Task<(string Cookies, string Antiforgery)> SignInAsync(Uri server, string name)
    {
        var jar = new CookieContainer();
        using var handler = new SocketsHttpHandler { CookieContainer = jar };
        using var http = new HttpClient(handler) { BaseAddress = server, Timeout = TimeSpan.FromSeconds(20) };
        var page = await http.GetStringAsync(new Uri("/account/sign-in", UriKind.Relative));
        using var signedIn = await http.PostAsync(new Uri("/account/sign-in", UriKind.Relative), new FormUrlEncodedContent(
            [new("antiforgery", AntiforgeryField().Match(page).Groups[1].Value), new("username", name), new("password", Password)]));
        var account = await http.GetStringAsync(new Uri("/account/profile", UriKind.Relative));
        var antiforgery = AntiforgeryField().Match(account).Groups[1].Value;
        if (antiforgery.Length == 0)
            throw new InvalidOperationException($"Nobody is signed in: {account}");
        return (jar.GetCookieHeader(server), antiforgery);
    }

    [GeneratedRegex("name=\"antiforgery\" value=\"([^\"]+)\"")]
    private static partial Regex AntiforgeryField();

    private static async Task<string> TokenOf(HttpResponseMessage answer, string member) => (await ReadAsync(answer)).GetProperty(member).GetProperty("access_token").GetString()!;

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        var body = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonDocument.Parse(body).RootElement : throw new InvalidOperationException($"The server does not work: {(int)answer.StatusCode} {body}");
    }
}
