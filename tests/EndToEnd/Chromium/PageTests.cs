using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace EndToEnd.Chromium;

/// <summary>The pages in a real browser.</summary>
public sealed partial class PageTests : IAsyncLifetime
{
    private const string Password = "a long enough phrase";

    private readonly Stack<IAsyncDisposable> _started = new();
    private readonly string _mail = Path.Combine(Repository.Root, ".data", "tests-mail", Guid.NewGuid().ToString("N"));
    private ProgramProcess _server = null!;
    private ChromiumBrowser _browser = null!;

    public async ValueTask InitializeAsync()
    {
        try
        {
            _browser = Keep(await ChromiumBrowser.StartAsync());
            var database = Keep(await TestDatabase.CreateEmptyAsync());
            _server = Keep(Programs.StartIdentityServer(database.ConnectionString, ProgramProcess.FreePort(), $"--Mail:Directory={_mail}", "--Branding:Name=Example ID"));
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
        if (Directory.Exists(_mail))
            Directory.Delete(_mail, recursive: true);
    }

    [Fact]
    public async Task People_sign_in_and_a_wrong_password_leaves_them_at_the_form()
    {
        var tab = await OpenAsync("/account");
        Assert.EndsWith("/account/sign-in?return_url=%2Faccount", await tab.AddressAsync(), StringComparison.Ordinal);
        Assert.Equal("username", await tab.FocusAsync());
        await Pictures.KeepAsync(tab, "sign-in");

        await tab.TypeAsync("username", "alice");
        await tab.TypeAsync("password", "wrong");
        await tab.PressAsync("login-submit");
        Assert.Contains("is wrong", await tab.TextOfAsync("sign-in-error"), StringComparison.Ordinal);
        Assert.Equal(("alice", "", "password"), (await tab.ValueOfAsync("username"), await tab.ValueOfAsync("password"), await tab.FocusAsync()));
        await Pictures.KeepAsync(tab, "sign-in-refused");

        await tab.TypeAsync("password", "correct horse battery staple");
        await tab.EnterAsync("password");
        Assert.EndsWith("/account", await tab.AddressAsync(), StringComparison.Ordinal);
        Assert.Equal("alice", await tab.TextOfAsync("user-name"));
        // The refusal is the one error that the browser noted.
        Assert.All(tab.Complaints, complaint => Assert.Contains("401", complaint, StringComparison.Ordinal));

        await tab.PressAsync("sign-out");
        await Pictures.KeepAsync(tab, "signed-out");
        await tab.GoAsync(At("/account"));
        Assert.True(await tab.HasAsync("login-submit"));
    }

    [Fact]
    public async Task People_register_confirm_their_address_and_reset_a_forgotten_password_by_mail()
    {
        var tab = await OpenAsync("/account/register");
        await Pictures.KeepAsync(tab, "register");
        await tab.TypeAsync("full_name", "Berta Brandt");
        await tab.TypeAsync("email", "berta@example.com");
        await tab.TypeAsync("username", "alice");
        await tab.TypeAsync("password", "password123");
        await tab.PressAsync("register-submit");
        Assert.True(await tab.HasAsync("password-error"));
        await Pictures.KeepAsync(tab, "register-refused");
        await tab.TypeAsync("username", "berta");
        await tab.TypeAsync("password", Password);
        await tab.PressAsync("register-submit");
        await Pictures.KeepAsync(tab, "register-done");

        await tab.GoAsync(new Uri(await LinkAsync("berta@example.com", "confirm-email")));
        await Pictures.KeepAsync(tab, "confirm-email");
        await tab.PressAsync("confirm-submit");
        await Pictures.KeepAsync(tab, "confirmed");
        await tab.PressAsync("go-on");
        Assert.Equal("Berta Brandt", await tab.TextOfAsync("full-name"));
        Assert.Contains("confirmed", await tab.TextOfAsync("email"), StringComparison.Ordinal);
        await Pictures.KeepAsync(tab, "account-new");

        await tab.PressAsync("sign-out");
        await tab.GoAsync(At("/account/sign-in"));
        await tab.PressAsync("forgot-password");
        await Pictures.KeepAsync(tab, "forgot-password");
        await tab.TypeAsync("email", "berta@example.com");
        await tab.PressAsync("forgot-submit");
        await Pictures.KeepAsync(tab, "forgot-password-done");
        await tab.GoAsync(new Uri(await LinkAsync("berta@example.com", "reset-password")));
        await Pictures.KeepAsync(tab, "reset-password");
        await tab.TypeAsync("new_password", "another long phrase");
        await tab.PressAsync("reset-submit");
        await Pictures.KeepAsync(tab, "sign-in-after-reset");
        await tab.TypeAsync("username", "berta@example.com");
        await tab.TypeAsync("password", "another long phrase");
        await tab.PressAsync("login-submit");
        Assert.Equal("berta", await tab.TextOfAsync("user-name"));
        Assert.All(tab.Complaints, complaint => Assert.Contains("400", complaint, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_tabs_sign_in_and_going_back_breaks_nothing()
    {
        var (one, other) = (await OpenAsync("/account/profile"), await OpenAsync("/account/sessions"));

        await SignInAsync(one);
        await SignInAsync(other);

        Assert.EndsWith("/account/profile", await one.AddressAsync(), StringComparison.Ordinal);
        Assert.EndsWith("/account/sessions", await other.AddressAsync(), StringComparison.Ordinal);
        // Back to the form, and once more through it.
        await one.BackAsync();
        Assert.True(await one.HasAsync("login-submit"));
        await SignInAsync(one);
        Assert.EndsWith("/account/profile", await one.AddressAsync(), StringComparison.Ordinal);
        // A form that was open before signs out all the same.
        await other.PressAsync("sign-out");
        Assert.True(await other.HasAsync("signed-out"));
    }

    [Fact]
    public async Task The_account_is_kept_in_order()
    {
        var tab = await OpenAsync("/account");
        await SignInAsync(tab);
        await Pictures.KeepAsync(tab, "account");
        await tab.GoAsync(At("/account/profile"));
        await tab.TypeAsync("given_name", "Alice");
        await tab.TypeAsync("website", "not an address");
        await tab.TypeAsync("website", "https://alice.example/");
        await tab.TypeAsync("phone_number", "call me");
        await tab.PressAsync("profile-submit");
        Assert.True(await tab.HasAsync("phone_number-error"));
        await Pictures.KeepAsync(tab, "profile-refused");
        await tab.TypeAsync("phone_number", "+41 44 668 18 00");
        await tab.PressAsync("profile-submit");
        Assert.True(await tab.HasAsync("notice"));
        await Pictures.KeepAsync(tab, "profile");

        var elsewhere = Keep(await ChromiumBrowser.StartAsync());
        var second = await elsewhere.OpenAsync();
        await second.GoAsync(At("/account"));
        await SignInAsync(second);
        await tab.GoAsync(At("/account/sessions"));
        await Pictures.KeepAsync(tab, "sessions");
        await tab.PressAsync("end-others");
        Assert.False(await tab.HasAsync("end-others"));
        await second.GoAsync(At("/account"));
        Assert.True(await second.HasAsync("login-submit"));

        await tab.GoAsync(At("/account/applications"));
        await Pictures.KeepAsync(tab, "applications");
        await tab.GoAsync(At("/account/password"));
        await tab.TypeAsync("current_password", "wrong");
        await tab.TypeAsync("new_password", Password);
        await tab.PressAsync("password-submit");
        Assert.True(await tab.HasAsync("current_password-error"));
        await Pictures.KeepAsync(tab, "password-refused");
        await tab.TypeAsync("current_password", "correct horse battery staple");
        await tab.TypeAsync("new_password", Password);
        await tab.PressAsync("password-submit");
        Assert.Contains("has been changed", await tab.TextOfAsync("notice"), StringComparison.Ordinal);
        await tab.GoAsync(At("/account/nothing"));
        await Pictures.KeepAsync(tab, "not-found");
    }

    private async Task<Tab> OpenAsync(string path)
    {
        var tab = await _browser.OpenAsync();
        await tab.GoAsync(At(path));
        return tab;
    }

    private static async Task SignInAsync(Tab tab)
    {
        await tab.TypeAsync("username", "alice");
        await tab.TypeAsync("password", "correct horse battery staple");
        await tab.PressAsync("login-submit");
    }

    private Uri At(string path) => new(_server.Address, path);

    private T Keep<T>(T started) where T : IAsyncDisposable
    {
        _started.Push(started);
        return started;
    }

    private async Task<string> LinkAsync(string to, string page)
    {
        for (var attempt = 0; attempt < 200; attempt++)
        {
            foreach (var file in Directory.Exists(_mail) ? Directory.GetFiles(_mail, "*.eml") : [])
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
