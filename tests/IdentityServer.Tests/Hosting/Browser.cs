using System.Net;
using System.Text.RegularExpressions;
using IdentityServer.Passwords;
using IdentityServer.Sessions;
using IdentityServer.Tests.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace IdentityServer.Tests.Hosting;

/// <summary>A browser as far as the protocol sees one: it keeps cookies, follows nothing by itself, and posts the forms that it is shown.</summary>
internal sealed partial class Browser(ServerUnderTest server)
{
    private readonly Dictionary<string, string> _cookies = new(StringComparer.Ordinal);

    /// <summary>Signed in without the page.</summary>
    public static async Task<Browser> OfAsync(ServerUnderTest server, string userName = World.Alice)
    {
        var browser = new Browser(server);
        await browser.SignsInAsync(userName);
        return browser;
    }

    /// <summary>Starts, or renews, the browser's session without the page.</summary>
    public async Task SignsInAsync(string userName = World.Alice)
    {
        var user = new CheckedUser(
            await server.ReadIdAsync("SELECT id FROM users WHERE user_name = $1", userName),
            await server.ReadAsync<string>("SELECT security_stamp FROM users WHERE user_name = $1", userName), [], null, null);
        var http = new DefaultHttpContext();
        http.Request.Headers.Cookie = Cookie;
        if (!await server.Services.GetRequiredService<BrowserSessions>().TryStartAsync(http, user, isRemembered: false))
            throw new InvalidOperationException("The session could not be started.");
        Keep(http.Response.Headers.SetCookie.OfType<string>());
    }

    public Task<Answer> GetAsync(string address) => SendAsync(new(HttpMethod.Get, address));

    public Task<Answer> PostAsync(string address, params (string Name, string Value)[] form) => SendAsync(new(HttpMethod.Post, address)
    {
        Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
    });

    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        if (_cookies.Count > 0)
            request.Headers.Add("Cookie", Cookie);
        var answer = await server.SendAsync(request);
        if (answer.Message.Headers.TryGetValues("Set-Cookie", out var set))
            Keep(set);
        return answer;
    }

    /// <summary>Presses a button of the form that an answer shows.</summary>
    public Task<Answer> SubmitsAsync(Answer page, params (string Name, string Value)[] button) =>
        PostAsync(WebUtility.HtmlDecode(ActionPattern().Match(page.Body).Groups[1].Value), [.. HiddenFields(page).Select(field => (field.Key, field.Value)), .. button]);

    public static Dictionary<string, string> HiddenFields(Answer page) => HiddenPattern().Matches(page.Body)
        .ToDictionary(match => WebUtility.HtmlDecode(match.Groups[1].Value), match => WebUtility.HtmlDecode(match.Groups[2].Value));

    private string Cookie => string.Join("; ", _cookies.Select(cookie => $"{cookie.Key}={cookie.Value}"));

    private void Keep(IEnumerable<string> set)
    {
        foreach (var cookie in set)
        {
            var pair = cookie.Split(';')[0].Split('=', 2);
            if (pair[1].Length == 0)
                _cookies.Remove(pair[0]);
            else
                _cookies[pair[0]] = pair[1];
        }
    }

    [GeneratedRegex("<form [^>]*action=\"([^\"]*)\"")]
    private static partial Regex ActionPattern();

    [GeneratedRegex("<input type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\"")]
    private static partial Regex HiddenPattern();
}
