using System.Text.Json;
using Testing;
using Xunit;

namespace EndToEnd.Chromium;

/// <summary>An application of another origin sends its user to us and gets them back, in a real browser.</summary>
public sealed class ApplicationTests : IAsyncLifetime
{
    // RFC 7636 Appendix B.
    private const string Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWBuGJSstw-cM";
    private const string Password = "correct horse battery staple";

    private readonly Stack<IAsyncDisposable> _started = new();
    private readonly string _manifest = Path.Combine(Repository.Root, ".data", $"tests-manifest-{Guid.NewGuid():N}.json");
    private ApplicationSite _site = null!;
    private ProgramProcess _server = null!;
    private ChromiumBrowser _browser = null!;

    public async ValueTask InitializeAsync()
    {
        try
        {
            _browser = Keep(await ChromiumBrowser.StartAsync());
            _site = Keep(new ApplicationSite());
            await File.WriteAllTextAsync(_manifest, JsonSerializer.Serialize(new
            {
                clients = new[]
                {
                    new
                    {
                        client_id = "diary", client_name = "Diary", token_endpoint_auth_method = "none", application_type = "native", scope = "openid profile email offline_access",
                        grant_types = new[] { "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code" },
                        redirect_uris = new[] { $"{_site.Address}callback" }, post_logout_redirect_uris = new[] { $"{_site.Address}bye" },
                    },
                },
                users = new[] { new { username = "alice", email = "alice@example.com", password = Password, full_name = "Alice Liddell" } },
            }));
            var database = Keep(await TestDatabase.CreateEmptyAsync());
            _server = Keep(Programs.StartIdentityServer(database.ConnectionString, ProgramProcess.FreePort(), $"--IdentityServer:Manifest={_manifest}", "--Branding:Name=Example ID"));
            await _server.AnswersAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var last))
            await last.DisposeAsync();
        File.Delete(_manifest);
    }

    [Fact]
    public async Task People_deny_allow_are_remembered_sign_out_and_take_it_back()
    {
        var tab = await _browser.OpenAsync();

        // To deny: through sign-in, which the policy of its form must let pass on to the application.
        await tab.GoAsync(Authorize);
        await Pictures.KeepAsync(tab, "sign-in-for-application");
        await SignInAsync(tab);
        await Pictures.KeepAsync(tab, "consent");
        await tab.PressAsync("consent-deny");
        Assert.StartsWith($"{_site.Address}callback?error=access_denied", await tab.AddressAsync(), StringComparison.Ordinal);

        await tab.GoAsync(Authorize);
        await tab.PressAsync("consent-allow");
        Assert.StartsWith($"{_site.Address}callback?code=", await tab.AddressAsync(), StringComparison.Ordinal);
        // Any program may listen at a loopback address: nobody gets a code there unseen (RFC 8252 §8.6).
        await tab.GoAsync(Authorize);
        Assert.True(await tab.HasAsync("consent-allow"));

        await tab.GoAsync(new Uri(_server.Address, $"/connect/logout?client_id=diary&post_logout_redirect_uri={Uri.EscapeDataString($"{_site.Address}bye")}"));
        await Pictures.KeepAsync(tab, "sign-out");
        await tab.PressAsync("logout-confirm");
        Assert.Equal($"{_site.Address}bye", await tab.AddressAsync());

        // From the password straight to the application: three redirects after one post.
        await tab.GoAsync(Authorize);
        await SignInAsync(tab);
        Assert.StartsWith($"{_site.Address}callback?code=", await tab.AddressAsync(), StringComparison.Ordinal);
        Assert.True(await tab.HasAsync("arrived"));

        await tab.GoAsync(new Uri(_server.Address, "/account/applications"));
        await Pictures.KeepAsync(tab, "applications-one");
        await tab.PressAsync("withdraw-diary");
        Assert.True(await tab.HasAsync("no-applications"));
        await tab.GoAsync(Authorize);
        Assert.True(await tab.HasAsync("consent-allow"));
        Assert.DoesNotContain(tab.Complaints, complaint => complaint.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task People_connect_a_device_and_refuse_one()
    {
        var tab = await _browser.OpenAsync();
        foreach (var (button, done) in new[] { ("consent-allow", "device-allowed"), ("consent-deny", "device-denied") })
        {
            var (_, device) = await _server.PostFormAsync("/connect/device_authorization", ("client_id", "diary"), ("scope", "openid profile offline_access"));
            await tab.GoAsync(new Uri(device.GetProperty("verification_uri").GetString()!));
            if (await tab.HasAsync("login-submit"))
                await SignInAsync(tab);
            await Pictures.KeepAsync(tab, "device");
            await tab.TypeAsync("user-code", "BBBB-BBBB");
            await tab.PressAsync("device-continue");
            Assert.True(await tab.HasAsync("device-continue"));
            await Pictures.KeepAsync(tab, "device-unknown");
            await tab.TypeAsync("user-code", device.GetProperty("user_code").GetString()!.ToLowerInvariant());
            await tab.PressAsync("device-continue");
            await Pictures.KeepAsync(tab, "device-consent");
            await tab.PressAsync(button);
            await Pictures.KeepAsync(tab, done);
            Assert.DoesNotContain("user_code", await tab.AddressAsync(), StringComparison.Ordinal);

            var (_, token) = await _server.PostFormAsync("/connect/token",
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("client_id", "diary"), ("device_code", device.GetProperty("device_code").GetString()!));
            Assert.Equal(button == "consent-allow", token.TryGetProperty("access_token", out _));
        }
    }

    [Fact]
    public async Task An_address_that_nobody_registered_is_an_error_page()
    {
        var tab = await _browser.OpenAsync();

        await tab.GoAsync(new Uri(_server.Address, "/connect/authorize?client_id=diary&response_type=code&redirect_uri=https://evil.example/"));

        Assert.StartsWith(_server.Address.ToString(), await tab.AddressAsync(), StringComparison.Ordinal);
        await Pictures.KeepAsync(tab, "request-refused");
    }

    private Uri Authorize => new(_server.Address,
        $"/connect/authorize?client_id=diary&response_type=code&scope=openid%20profile%20email%20offline_access&state=s&nonce=n&code_challenge={Challenge}&code_challenge_method=S256&redirect_uri={Uri.EscapeDataString($"{_site.Address}callback")}");

    private static async Task SignInAsync(Tab tab)
    {
        await tab.TypeAsync("username", "alice");
        await tab.TypeAsync("password", Password);
        await tab.PressAsync("login-submit");
    }

    private T Keep<T>(T started) where T : IAsyncDisposable
    {
        _started.Push(started);
        return started;
    }
}
