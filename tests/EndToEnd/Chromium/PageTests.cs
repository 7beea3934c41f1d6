using System.Text.RegularExpressions;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace EndToEnd.Chromium;

/// <summary>The pages in a real browser.</summary>
public sealed partial class PageTests(BrowserProcess chromium) : BrowserTests(chromium)
{
    private const string Password = "a long enough phrase";

    private protected override Task<string[]> ArgumentsAsync() => Task.FromResult<string[]>([$"--Mail:Directory={Folder}"]);

    [Fact]
    public async Task People_sign_in_and_a_wrong_password_leaves_them_at_the_form()
    {
        var tab = await OpenAsync("/account");
        Assert.EndsWith("/account/sign-in?return_url=%2Faccount", tab.Url, StringComparison.Ordinal);
        await Expect(tab.Locator("#username")).ToBeFocusedAsync();
        await tab.LooksRightAsync("sign-in");

        await tab.FillAsync("#username", "alice");
        await tab.FillAsync("#password", "wrong");
        await tab.FollowAsync("#login-submit");
        Assert.Contains("is wrong", await tab.InnerTextAsync("#sign-in-error"), StringComparison.Ordinal);
        Assert.Equal(("alice", ""), (await tab.InputValueAsync("#username"), await tab.InputValueAsync("#password")));
        await Expect(tab.Locator("#password")).ToBeFocusedAsync();
        await tab.LooksRightAsync("sign-in-refused");

        await tab.FillAsync("#password", "correct horse battery staple");
        await tab.LoadsAsync(() => tab.PressAsync("#password", "Enter"));
        Assert.EndsWith("/account", tab.Url, StringComparison.Ordinal);
        Assert.Equal("alice", await tab.InnerTextAsync("#user-name"));
        // The refusal is the only error that the browser logged.
        Assert.All(await tab.ComplaintsAsync(), complaint => Assert.Contains("401", complaint, StringComparison.Ordinal));

        await tab.FollowAsync("#sign-out");
        await tab.LooksRightAsync("signed-out");
        await tab.GotoAsync(At("/account").ToString());
        Assert.True(await tab.HasAsync("#login-submit"));
    }

    [Fact]
    public async Task People_register_confirm_their_address_and_reset_a_forgotten_password_by_mail()
    {
        var tab = await OpenAsync("/account/register");
        await tab.LooksRightAsync("register");
        await tab.FillAsync("#full_name", "Berta Brandt");
        await tab.FillAsync("#email", "berta@example.com");
        await tab.FillAsync("#username", "alice");
        await tab.FillAsync("#password", "password123");
        await tab.FollowAsync("#register-submit");
        Assert.True(await tab.HasAsync("#password-error"));
        await tab.LooksRightAsync("register-refused");
        await tab.FillAsync("#username", "berta");
        await tab.FillAsync("#password", Password);
        await tab.FollowAsync("#register-submit");
        await tab.LooksRightAsync("register-done");

        await tab.GotoAsync(await LinkAsync("berta@example.com", "confirm-email"));
        await tab.LooksRightAsync("confirm-email");
        await tab.FollowAsync("#confirm-submit");
        await tab.LooksRightAsync("confirmed");
        await tab.FollowAsync("#go-on");
        Assert.Equal("Berta Brandt", await tab.InnerTextAsync("#full-name"));
        Assert.Contains("confirmed", await tab.InnerTextAsync("#email"), StringComparison.Ordinal);
        await tab.LooksRightAsync("account-new");

        await tab.FollowAsync("#sign-out");
        await tab.GotoAsync(At("/account/sign-in").ToString());
        await tab.FollowAsync("#forgot-password");
        await tab.LooksRightAsync("forgot-password");
        await tab.FillAsync("#email", "berta@example.com");
        await tab.FollowAsync("#forgot-submit");
        await tab.LooksRightAsync("forgot-password-done");
        await tab.GotoAsync(await LinkAsync("berta@example.com", "reset-password"));
        await tab.LooksRightAsync("reset-password");
        await tab.FillAsync("#new_password", "another long phrase");
        await tab.FollowAsync("#reset-submit");
        await tab.LooksRightAsync("sign-in-after-reset");
        await tab.FillAsync("#username", "berta@example.com");
        await tab.FillAsync("#password", "another long phrase");
        await tab.FollowAsync("#login-submit");
        Assert.Equal("berta", await tab.InnerTextAsync("#user-name"));
        Assert.All(await tab.ComplaintsAsync(), complaint => Assert.Contains("400", complaint, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_tabs_sign_in_and_going_back_breaks_nothing()
    {
        var (one, other) = (await OpenAsync("/account/profile"), await OpenAsync("/account/sessions"));

        await one.SignInAsync();
        await other.SignInAsync();

        Assert.EndsWith("/account/profile", one.Url, StringComparison.Ordinal);
        Assert.EndsWith("/account/sessions", other.Url, StringComparison.Ordinal);
        // Back to the form, and through it again.
        await one.GoBackAsync();
        Assert.True(await one.HasAsync("#login-submit"));
        await one.SignInAsync();
        Assert.EndsWith("/account/profile", one.Url, StringComparison.Ordinal);
        // A form that was opened earlier still signs out.
        await other.FollowAsync("#sign-out");
        Assert.True(await other.HasAsync("#signed-out"));
    }

    [Fact]
    public async Task People_manage_their_account()
    {
        var tab = await OpenAsync("/account");
        await tab.SignInAsync();
        await tab.LooksRightAsync("account");
        await tab.GotoAsync(At("/account/profile").ToString());
        await tab.FillAsync("#given_name", "Alice");
        await tab.FillAsync("#website", "not an address");
        await tab.FillAsync("#website", "https://alice.example/");
        await tab.FillAsync("#phone_number", "call me");
        await tab.FollowAsync("#profile-submit");
        Assert.True(await tab.HasAsync("#phone_number-error"));
        await tab.LooksRightAsync("profile-refused");
        await tab.FillAsync("#phone_number", "+41 44 668 18 00");
        await tab.FollowAsync("#profile-submit");
        Assert.True(await tab.HasAsync("#notice"));
        await tab.LooksRightAsync("profile");

        var second = await (await NewProfileAsync()).NewPageAsync();
        await second.GotoAsync(At("/account").ToString());
        await second.SignInAsync();
        await tab.GotoAsync(At("/account/sessions").ToString());
        await tab.LooksRightAsync("sessions");
        await tab.FollowAsync("#end-others");
        Assert.False(await tab.HasAsync("#end-others"));
        await second.GotoAsync(At("/account").ToString());
        Assert.True(await second.HasAsync("#login-submit"));

        await tab.GotoAsync(At("/account/applications").ToString());
        await tab.LooksRightAsync("applications");
        await tab.GotoAsync(At("/account/password").ToString());
        await tab.FillAsync("#current_password", "wrong");
        await tab.FillAsync("#new_password", Password);
        await tab.FollowAsync("#password-submit");
        Assert.True(await tab.HasAsync("#current_password-error"));
        await tab.LooksRightAsync("password-refused");
        await tab.FillAsync("#current_password", "correct horse battery staple");
        await tab.FillAsync("#new_password", Password);
        await tab.FollowAsync("#password-submit");
        Assert.Contains("has been changed", await tab.InnerTextAsync("#notice"), StringComparison.Ordinal);
        await tab.GotoAsync(At("/account/nothing").ToString());
        await tab.LooksRightAsync("not-found");
    }

    private async Task<string> LinkAsync(string to, string page)
    {
        for (var attempt = 0; attempt < 200; attempt++)
        {
            foreach (var file in Directory.GetFiles(Folder, "*.eml"))
            {
                var text = await File.ReadAllTextAsync(file);
                if (text.Contains($"To: {to}", StringComparison.Ordinal) && Link().Matches(text).FirstOrDefault(link => link.Value.Contains(page, StringComparison.Ordinal)) is { } found)
                    return found.Value.TrimEnd();
            }
            await Task.Delay(100);
        }
        throw new TimeoutException($"No message to {to} came.");
    }

    [GeneratedRegex(@"^http\S+token=\S+", RegexOptions.Multiline)]
    private static partial Regex Link();
}
