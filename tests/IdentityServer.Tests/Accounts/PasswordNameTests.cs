using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Pages;
using IdentityServer.Tests.Protocol;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>The account's own name is the first password that anybody tries.</summary>
public sealed class PasswordNameTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory]
    [InlineData("josephine-{0}")]
    [InlineData("JOSEPHINE-{0}")]
    [InlineData("ｊosephine-{0}")]
    [InlineData("josephine-{0}@example.com")]
    [InlineData("Josephine-{0}@Example.COM")]
    public async Task The_password_of_a_registration_may_not_be_its_name_or_address(string password)
    {
        var number = People.NewName()["person".Length..];
        var (username, email) = ($"josephine-{number}", $"josephine-{number}@example.com");
        password = string.Format(System.Globalization.CultureInfo.InvariantCulture, password, number);

        foreach (var path in (string[])["/register", "/auth/register", "/api/register"])
        {
            var refused = await _server.PostJsonAsync(path, new { username, email, password, full_name = "J", gender = "f" });
            refused.IsRefused("INVALID_PASSWORD");
            Assert.Contains("must not be the user name or the e-mail address", refused["message"], StringComparison.Ordinal);
        }
        (await _server.PostJsonAsync("/register", new { email, password = email.ToUpperInvariant() })).IsRefused("INVALID_PASSWORD");
        Assert.Equal(0L, await _server.ReadAsync<long>("SELECT count(*) FROM users WHERE user_name = $1", username));
    }

    [Fact]
    public async Task A_password_that_contains_the_name_is_accepted()
    {
        var name = People.NewName();
        Assert.Equal(HttpStatusCode.Created, (await _server.RegistersAsync(name, $"{name} and more")).Status);
    }

    [Fact]
    public async Task A_changed_password_may_not_be_the_name_or_address()
    {
        var name = $"{People.NewName()}-long";
        var token = (await _server.RegistersAsync(name)).Data("access_token");

        (await _server.ChangesPasswordAsync(token, People.Password, name.ToUpperInvariant())).IsRefused("INVALID_PASSWORD");
        (await _server.ChangesPasswordAsync(token, People.Password, People.EmailOf(name))).IsRefused("INVALID_PASSWORD");
        // A caller without the password must not learn the account's names.
        (await _server.ChangesPasswordAsync(token, "wrong", name)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);

        Assert.Equal(HttpStatusCode.OK, (await _server.LogsInAsync(name)).Status);
    }

    [Fact]
    public async Task A_right_password_with_a_refused_new_one_is_not_a_failed_guess()
    {
        var name = $"{People.NewName()}-long";
        var token = (await _server.RegistersAsync(name)).Data("access_token");

        (await _server.ChangesPasswordAsync(token, People.Password, name)).IsRefused("INVALID_PASSWORD");

        Assert.Equal(0, await _server.ReadAsync<int>("SELECT access_failed_count FROM users WHERE user_name = $1", name));
    }

    [Fact]
    public async Task A_reset_password_may_not_be_the_name_or_address_and_the_token_stays_valid()
    {
        var name = $"{People.NewName()}-long";
        await _server.RegistersAsync(name);
        await _server.AsksForResetAsync(People.EmailOf(name));
        var token = People.TokenOf(await shared.Inbox.NextAsync(People.EmailOf(name)));

        (await _server.ResetsAsync(People.EmailOf(name), token, name.ToUpperInvariant())).IsRefused("INVALID_PASSWORD");
        (await _server.ResetsAsync(People.EmailOf(name), token, People.EmailOf(name))).IsRefused("INVALID_PASSWORD");

        Assert.Equal(HttpStatusCode.OK, (await _server.ResetsAsync(People.EmailOf(name), token, "spring tide 100")).Status);
    }

    [Fact]
    public async Task The_pages_show_the_refusal_beside_the_field()
    {
        var name = $"{People.NewName()}-long";
        var browser = new Browser(_server);
        var register = await browser.GetAsync("/account/register");
        foreach (var password in (string[])[name.ToUpperInvariant(), People.EmailOf(name)])
        {
            var refused = await browser.PressAsync(register, "register-submit", ("username", name), ("email", People.EmailOf(name)), ("password", password));
            Assert.Equal((HttpStatusCode.BadRequest, true), (refused.Status, refused.Has("password-error")));
        }

        await _server.RegistersAsync(name);
        await browser.SignInAsync(username: name, password: People.Password);
        var change = await browser.GetAsync("/account/password");
        foreach (var password in (string[])[name, People.EmailOf(name)])
        {
            var refused = await browser.PressAsync(change, "password-submit", ("current_password", People.Password), ("new_password", password));
            Assert.Equal((HttpStatusCode.BadRequest, true), (refused.Status, refused.Has("new_password-error")));
        }
        Assert.True(await browser.IsSignedInAsync(_server));
    }

    [Theory]
    [InlineData("Manifested")]
    [InlineData("manifested@example.com")]
    public async Task A_manifest_may_not_set_such_a_password_either(string password)
    {
        var mistake = await Assert.ThrowsAsync<StartupException>(() => _server.AppliesAsync(
            $$"""{"users":[{"username":"manifested","email":"manifested@example.com","password":"{{password}}"}]}"""));

        Assert.Contains("$.users[0].password", mistake.Message, StringComparison.Ordinal);
    }
}
