using System.Text.Json;
using Xunit;

namespace EndToEnd.Chromium;

/// <summary>An application of another origin sends its user to us and gets them back, in a real browser.</summary>
public sealed class ApplicationTests(BrowserProcess chromium) : BrowserTests(chromium)
{
    // RFC 7636 Appendix B.
    private const string Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWBuGJSstw-cM";

    private ApplicationSite _site = null!;

    private protected override async Task<string[]> ArgumentsAsync()
    {
        _site = Keep(new ApplicationSite());
        var manifest = Path.Combine(Folder, "manifest.json");
        await File.WriteAllTextAsync(manifest, JsonSerializer.Serialize(new
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
            users = new[] { new { username = "alice", email = "alice@example.com", password = "correct horse battery staple", full_name = "Alice Liddell" } },
        }));
        return [$"--IdentityServer:Manifest={manifest}"];
    }

    [Fact]
    public async Task People_deny_and_allow_consent_sign_out_and_withdraw_it()
    {
        // Deny after sign-in: the form's policy must allow the redirect to the application.
        var tab = await OpenAsync(Authorize);
        await tab.LooksRightAsync("sign-in-for-application");
        await tab.SignInAsync();
        await tab.LooksRightAsync("consent");
        await tab.FollowAsync("#consent-deny");
        Assert.StartsWith($"{_site.Address}callback?error=access_denied", tab.Url, StringComparison.Ordinal);

        await tab.GotoAsync(At(Authorize).ToString());
        await tab.FollowAsync("#consent-allow");
        Assert.StartsWith($"{_site.Address}callback?code=", tab.Url, StringComparison.Ordinal);
        // Any program may listen at a loopback address: no code is sent there without consent (RFC 8252 §8.6).
        await tab.GotoAsync(At(Authorize).ToString());
        Assert.True(await tab.HasAsync("#consent-allow"));

        await tab.GotoAsync(At($"/connect/logout?client_id=diary&post_logout_redirect_uri={Uri.EscapeDataString($"{_site.Address}bye")}").ToString());
        await tab.LooksRightAsync("sign-out");
        await tab.FollowAsync("#logout-confirm");
        Assert.Equal($"{_site.Address}bye", tab.Url);

        // From the password form straight to the application: three redirects after one post.
        await tab.GotoAsync(At(Authorize).ToString());
        await tab.SignInAsync();
        Assert.StartsWith($"{_site.Address}callback?code=", tab.Url, StringComparison.Ordinal);
        Assert.True(await tab.HasAsync("#arrived"));

        await tab.GotoAsync(At("/account/applications").ToString());
        await tab.LooksRightAsync("applications-one");
        await tab.FollowAsync("#withdraw-diary");
        Assert.True(await tab.HasAsync("#no-applications"));
        await tab.GotoAsync(At(Authorize).ToString());
        Assert.True(await tab.HasAsync("#consent-allow"));
        Assert.DoesNotContain(await tab.ComplaintsAsync(), complaint => complaint.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task People_connect_a_device_and_refuse_one()
    {
        var tab = await OpenAsync("/account");
        foreach (var (button, done) in new[] { ("consent-allow", "device-allowed"), ("consent-deny", "device-denied") })
        {
            var (_, device) = await Server.PostFormAsync("/connect/device_authorization", ("client_id", "diary"), ("scope", "openid profile offline_access"));
            await tab.GotoAsync(device.GetProperty("verification_uri").GetString()!);
            if (await tab.HasAsync("#login-submit"))
                await tab.SignInAsync();
            await tab.LooksRightAsync("device");
            await tab.FillAsync("#user-code", "BBBB-BBBB");
            await tab.FollowAsync("#device-continue");
            Assert.True(await tab.HasAsync("#device-continue"));
            await tab.LooksRightAsync("device-unknown");
            await tab.FillAsync("#user-code", device.GetProperty("user_code").GetString()!.ToLowerInvariant());
            await tab.FollowAsync("#device-continue");
            await tab.LooksRightAsync("device-consent");
            await tab.FollowAsync($"#{button}");
            await tab.LooksRightAsync(done);
            Assert.DoesNotContain("user_code", tab.Url, StringComparison.Ordinal);

            var (_, token) = await Server.PostFormAsync("/connect/token",
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("client_id", "diary"), ("device_code", device.GetProperty("device_code").GetString()!));
            Assert.Equal(button == "consent-allow", token.TryGetProperty("access_token", out _));
        }
    }

    [Fact]
    public async Task An_unregistered_redirect_URI_is_an_error_page()
    {
        var tab = await OpenAsync("/connect/authorize?client_id=diary&response_type=code&redirect_uri=https://evil.example/");

        Assert.StartsWith(Server.Address.ToString(), tab.Url, StringComparison.Ordinal);
        await tab.LooksRightAsync("request-refused");
    }

    // axe is not asked here: without scripts it never answers.
    [Fact]
    public async Task Without_scripts_people_press_a_button_to_post_the_answer()
    {
        var tab = await (await NewProfileAsync(runsScripts: false)).NewPageAsync();
        await tab.GotoAsync(At($"{Authorize}&response_mode=form_post").ToString());
        await tab.SignInAsync();
        await tab.FollowAsync("#consent-allow");

        await tab.FollowAsync("button");

        Assert.Equal($"{_site.Address}callback", tab.Url);
    }

    private string Authorize =>
        $"/connect/authorize?client_id=diary&response_type=code&scope=openid%20profile%20email%20offline_access&state=s&nonce=n&code_challenge={Challenge}&code_challenge_method=S256&redirect_uri={Uri.EscapeDataString($"{_site.Address}callback")}";
}
