using Xunit;

namespace IdentityServer.Tests.Hosting;

/// <summary>
/// What a browser does with our pages, without rendering: it keeps cookies, sends a page's form with
/// all of its hidden fields, and follows redirects as long as they stay on our server.
/// </summary>
internal sealed class Browser(ServerUnderTest server)
{
    public const string UserAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

    private const int MaximumRedirects = 10;

    /// <summary>The issuer of tests that set none; addresses there are ours.</summary>
    private static readonly Uri DevelopmentIssuer = new("http://localhost:5000");

    /// <summary>By name. A test may remove one, or copy one to another browser.</summary>
    public Dictionary<string, string> Cookies { get; } = [];

    /// <summary>Every cookie that was set, with its attributes.</summary>
    public List<string> SetCookies { get; } = [];

    /// <summary>Sent with each request.</summary>
    public Dictionary<string, string> Headers { get; } = new() { ["User-Agent"] = UserAgent, ["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8" };

    /// <summary>One request; a redirect is not followed.</summary>
    public Task<BrowserPage> GetAsync(string address) => SendAsync(HttpMethod.Get, address, null);

    /// <summary>A request, and the redirects within our server. Ends at a page or at a redirect elsewhere.</summary>
    public async Task<BrowserPage> VisitAsync(string address) => await FollowAsync(await GetAsync(address));

    /// <summary>Sends exactly these fields, even if no form of ours would.</summary>
    public Task<BrowserPage> PostAsync(string address, params (string Name, string Value)[] fields) =>
        SendAsync(HttpMethod.Post, address, new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))));

    /// <summary>Sends the button's form with its own values and those filled in; no redirect is followed.</summary>
    /// <param name="button">The id of the button that is pressed.</param>
    /// <param name="fill">By name; it must be a field of the form.</param>
    public Task<BrowserPage> PressAsync(BrowserPage page, string button, params (string Name, string Value)[] fill)
    {
        var form = page.FormOf(button);
        var fields = new List<(string Name, string Value)>(form.Fields);
        foreach (var (name, value) in fill)
        {
            Assert.True(form.Names.Contains(name), $"The form of {button} has no field {name}.");
            fields.RemoveAll(field => field.Name == name);
            fields.Add((name, value));
        }
        var address = form.Action.Length == 0 ? page.Address : form.Action;
        return form.IsPost ? PostAsync(address, [.. fields]) : GetAsync($"{address.Split('?')[0]}?{string.Join('&', fields.Select(field => $"{Uri.EscapeDataString(field.Name)}={Uri.EscapeDataString(field.Value)}"))}");
    }

    /// <summary><see cref="PressAsync"/>, and the redirects within our server.</summary>
    public async Task<BrowserPage> SubmitAsync(BrowserPage page, string button, params (string Name, string Value)[] fill) =>
        await FollowAsync(await PressAsync(page, button, fill));

    public async Task<BrowserPage> FollowAsync(BrowserPage page)
    {
        for (var count = 0; page.Location is { } location && IsOurs(location); count++)
        {
            Assert.True(count < MaximumRedirects, $"More than {MaximumRedirects} redirects, the last to {location}.");
            page = await GetAsync(location);
        }
        return page;
    }

    /// <summary>Fills in the sign-in page; a null <paramref name="page"/> gets it first.</summary>
    public async Task<BrowserPage> SignInAsync(BrowserPage? page = null, string username = World.Alice, string password = World.AlicePassword) =>
        await SubmitAsync(page ?? await GetAsync("/account/sign-in"), "login-submit", ("username", username), ("password", password));

    private bool IsOurs(string location) =>
        !Uri.TryCreate(location, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || IsOurs(uri);

    private bool IsOurs(Uri uri) => uri.Authority == server.Address.Authority || uri.Authority == DevelopmentIssuer.Authority;

    private async Task<BrowserPage> SendAsync(HttpMethod method, string address, HttpContent? content)
    {
        var path = address.StartsWith('/') ? address : new Uri(address) is var uri && IsOurs(uri) ? uri.PathAndQuery : throw new ArgumentException($"{address} is not ours.", nameof(address));
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (Cookies.Count > 0)
            request.Headers.TryAddWithoutValidation("Cookie", string.Join("; ", Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
        // Our pages send no referrer, so browsers send no origin either (Fetch §3.1).
        if (method == HttpMethod.Post)
            request.Headers.TryAddWithoutValidation("Origin", "null");
        var answer = await server.Http.SendAsync(request);
        if (answer.Headers.TryGetValues("Set-Cookie", out var cookies))
        {
            foreach (var cookie in cookies)
                Keep(cookie);
        }
        return new BrowserPage(path, answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer);
    }

    private void Keep(string setCookie)
    {
        SetCookies.Add(setCookie);
        var parts = setCookie.Split(';', StringSplitOptions.TrimEntries);
        var (name, value) = (parts[0][..parts[0].IndexOf('=', StringComparison.Ordinal)], parts[0][(parts[0].IndexOf('=', StringComparison.Ordinal) + 1)..]);
        var isGone = value.Length == 0 || parts.Any(part => part.Equals("max-age=0", StringComparison.OrdinalIgnoreCase) || part.StartsWith("expires=Thu, 01 Jan 1970", StringComparison.OrdinalIgnoreCase));
        if (isGone)
            Cookies.Remove(name);
        else
            Cookies[name] = value;
    }
}
