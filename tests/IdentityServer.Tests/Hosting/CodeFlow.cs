using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using IdentityServer.Accounts.Passwords;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Tests.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace IdentityServer.Tests.Hosting;

/// <summary>The authorization code flow in words.</summary>
internal static class CodeFlow
{
    public const string Verifier = "a-verifier-of-some-length-0123456789-._~ABCDEF";

    public static readonly string Challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    public static AuthenticationHeaderValue AsWeb => Calls.Basic(World.Web, World.WebSecret);

    /// <summary>A complete request of <see cref="World.Web"/>.</summary>
    public static Dictionary<string, string?> WebRequest(params (string Name, string? Value)[] but) => Request(World.Web, World.WebCallback, "openid profile", but);

    /// <summary>A complete request of <see cref="World.Portal"/>, which needs no consent.</summary>
    public static Dictionary<string, string?> PortalRequest(params (string Name, string? Value)[] but) => Request(World.Portal, World.PortalCallback, "openid profile", but);

    public static Dictionary<string, string?> NativeRequest(params (string Name, string? Value)[] but) => Request(World.Native, World.NativeCallback, "openid", but);

    /// <param name="but">What differs; null leaves it out.</param>
    private static Dictionary<string, string?> Request(string client, string callback, string scope, (string Name, string? Value)[] but)
    {
        var request = new Dictionary<string, string?>
        {
            ["client_id"] = client, ["redirect_uri"] = callback, ["response_type"] = "code", ["scope"] = scope, ["state"] = "the state", ["nonce"] = "the-nonce",
            ["code_challenge"] = Challenge, ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in but)
        {
            if (value is null)
                request.Remove(name);
            else
                request[name] = value;
        }
        return request;
    }

    public static string Address(this Dictionary<string, string?> request) => QueryHelpers.AddQueryString("/connect/authorize", request);

    /// <summary>A browser that is signed in, without the page.</summary>
    public static async Task<Browser> HasBrowserOfAsync(this ServerUnderTest server, string userName = World.Alice)
    {
        var browser = new Browser(server);
        await browser.IsSignedInAsync(server, userName);
        return browser;
    }

    /// <summary>Starts, or renews, the browser's session without the page.</summary>
    public static async Task IsSignedInAsync(this Browser browser, ServerUnderTest server, string userName = World.Alice)
    {
        var user = new CheckedUser(
            await server.ReadIdAsync("SELECT id FROM users WHERE user_name = $1", userName),
            await server.ReadAsync<string>("SELECT security_stamp FROM users WHERE user_name = $1", userName), [], null, null);
        var http = new DefaultHttpContext();
        http.Request.Headers.Cookie = string.Join("; ", browser.Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}"));
        Assert.True(await server.Services.GetRequiredService<BrowserSessions>().TryStartAsync(http, user, isRemembered: false));
        var pair = http.Response.Headers.SetCookie.ToString().Split(';')[0].Split('=', 2);
        browser.Cookies[pair[0]] = pair[1];
    }

    public static Task<BrowserPage> AuthorizesAsync(this Browser browser, Dictionary<string, string?> request) => browser.GetAsync(request.Address());

    /// <summary>Sends the request, and consents if asked.</summary>
    public static async Task<BrowserPage> AllowsAsync(this Browser browser, Dictionary<string, string?> request)
    {
        var answer = await browser.AuthorizesAsync(request);
        return answer.Has("consent-allow") ? await browser.PressAsync(answer, "consent-allow") : answer;
    }

    /// <summary>The code of a request that is allowed.</summary>
    public static async Task<string> GetsCodeAsync(this Browser browser, Dictionary<string, string?> request)
    {
        var answer = await browser.AllowsAsync(request);
        Assert.True(answer.Sent("code") is not null, $"{answer.Status} {answer.Message.Headers.Location} {answer.Body}");
        return answer.Sent("code")!;
    }

    /// <summary>A parameter that an answer sends to the client in the query.</summary>
    public static string? Sent(this BrowserPage answer, string name) =>
        answer.Message.Headers.Location is { IsAbsoluteUri: true } location && QueryHelpers.ParseQuery(location.Query).TryGetValue(name, out var value) ? value.ToString() : null;

    public static Task<Answer> RedeemsAsync(this ServerUnderTest server, string? code, string? callback = World.WebCallback, string? verifier = Verifier, AuthenticationHeaderValue? client = null, params (string, string)[] more) =>
        server.PostFormAsync("/connect/token", [.. Form(code, callback, verifier), .. more], more.Any(pair => pair.Item1 == "client_id") ? null : client ?? AsWeb);

    /// <summary>The tokens of a request that is allowed.</summary>
    public static async Task<Answer> SignsInAtAsync(this Browser browser, ServerUnderTest server, Dictionary<string, string?> request)
    {
        var code = await browser.GetsCodeAsync(request);
        var tokens = request["client_id"] switch
        {
            World.Web => await server.RedeemsAsync(code, request["redirect_uri"]),
            World.Portal => await server.RedeemsAsync(code, request["redirect_uri"], more: [("client_id", World.Portal), ("client_secret", World.PortalSecret)]),
            _ => await server.RedeemsAsync(code, request["redirect_uri"], more: [("client_id", request["client_id"]!)]),
        };
        Assert.True(tokens.Status == HttpStatusCode.OK, tokens.Body);
        return tokens;
    }

    /// <summary>An error sent back to the client in the query, with state and <c>iss</c> and without a code.</summary>
    public static void SendsBack(this BrowserPage answer, string error, string? state = "the state", string callback = World.WebCallback)
    {
        Assert.Equal(HttpStatusCode.SeeOther, answer.Status);
        Assert.StartsWith(callback + (callback.Contains('?', StringComparison.Ordinal) ? "&" : "?"), answer.Message.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal((error, state, "http://localhost:5000"), (answer.Sent("error"), answer.Sent("state"), answer.Sent("iss")));
        Assert.NotNull(answer.Sent("error_description"));
        Assert.Null(answer.Sent("code"));
        Assert.Equal("no-store", answer.Message.Headers.CacheControl?.ToString());
    }

    /// <summary>A page that says what is wrong, without a redirect.</summary>
    public static void ShowsError(this BrowserPage answer, HttpStatusCode status = HttpStatusCode.BadRequest)
    {
        Assert.Equal(status, answer.Status);
        Assert.Null(answer.Message.Headers.Location);
        Assert.Equal("text/html", answer.Message.Content.Headers.ContentType?.MediaType);
        Assert.Contains("error-description", answer.Body, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", string.Join(' ', answer.Message.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
    }

    public static void AsksToSignIn(this BrowserPage answer)
    {
        Assert.Equal(HttpStatusCode.SeeOther, answer.Status);
        Assert.StartsWith("/account/sign-in?return_url=%2Fconnect%2Fauthorize%3F", answer.Message.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    /// <summary>Where the sign-in page leads afterwards.</summary>
    public static string ReturnUrl(this BrowserPage answer) =>
        QueryHelpers.ParseQuery(answer.Message.Headers.Location!.OriginalString.Split('?', 2)[1])["return_url"].ToString();

    private static IEnumerable<(string, string)> Form(string? code, string? callback, string? verifier)
    {
        yield return ("grant_type", "authorization_code");
        yield return ("code", code ?? "");
        if (callback is not null)
            yield return ("redirect_uri", callback);
        if (verifier is not null)
            yield return ("code_verifier", verifier);
    }
}
