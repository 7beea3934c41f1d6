using System.Net;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>A character that no field may hold is reported with the code of its field.</summary>
public sealed class FieldCodeTests(AccountsServer shared) : IClassFixture<AccountsServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Theory]
    [InlineData("/register", """{"username":"a\u0000","password":"tidal wave 99"}""", "INVALID_USERNAME")]
    [InlineData("/auth/register", """{"email":"a\u0000@example.com","password":"tidal wave 99"}""", "INVALID_EMAIL")]
    [InlineData("/register", """{"username":"nul1","password":"tidal wave\u000099"}""", "INVALID_PASSWORD")]
    [InlineData("/register", """{"username":"nul2","password":"tidal wave 99","full_name":"a\u0000"}""", "INVALID_REQUEST")]
    [InlineData("/register", """{"username":"nul3","password":"tidal wave 99","gender":"a\u0000"}""", "INVALID_REQUEST")]
    [InlineData("/auth/reset_password", """{"email":"alice@example.com","reset_token":"a\u0000","new_password":"tidal wave 99"}""", "INVALID_RESET_TOKEN")]
    [InlineData("/auth/reset_password", """{"email":"a\u0000","reset_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","new_password":"tidal wave 99"}""", "INVALID_RESET_TOKEN")]
    [InlineData("/auth/reset_password", """{"email":"alice@example.com","reset_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","new_password":"tidal wave\u000099"}""", "INVALID_PASSWORD")]
    public async Task A_nul_is_reported_with_the_code_of_its_field(string path, string body, string code) =>
        (await _server.PostJsonAsync(path, body)).IsRefused(code);

    [Theory]
    [InlineData("""{"username":"alice\u0000","password":"x"}""")]
    [InlineData("""{"email":"alice@example.com\u0000","password":"x"}""")]
    [InlineData("""{"username":"alice","password":"correct horse battery staple\u0000"}""")]
    public async Task A_nul_at_sign_in_is_refused_like_any_wrong_guess(string body)
    {
        foreach (var path in (string[])["/api/token", "/auth/token", "/login", "/auth/login"])
            (await _server.PostJsonAsync(path, body)).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_nul_in_a_password_change_is_reported_with_the_code_of_its_field()
    {
        var name = People.NewName();
        var token = (await _server.RegistersAsync(name)).Data("access_token");

        (await _server.ChangesPasswordAsync(token, "wrong\0", "spring tide 100")).IsRefused("INVALID_CREDENTIALS", HttpStatusCode.Unauthorized);
        (await _server.ChangesPasswordAsync(token, People.Password, "spring\0tide 100")).IsRefused("INVALID_PASSWORD");
    }

    [Fact]
    public async Task A_reset_request_with_a_nul_is_answered_like_any_unknown_address() =>
        Assert.Equal(HttpStatusCode.Accepted, (await _server.AsksForResetAsync("a\0@example.com")).Status);

    [Theory]
    [InlineData("30.0", 30)]
    [InlineData("3e1", 30)]
    [InlineData("3.0E+1", 30)]
    [InlineData("1500e-1", 150)]
    [InlineData("1.0", 1)]
    public async Task An_age_is_a_whole_number_however_json_spells_it(string json, int age)
    {
        var answer = await _server.PostJsonAsync("/register", $$"""{"username":"{{People.NewName()}}","password":"tidal wave 99","age":{{json}}}""");

        Assert.Equal((HttpStatusCode.Created, $"{age}"), (answer.Status, answer.Data("age")));
    }

    [Theory]
    [InlineData("30.5")]
    [InlineData("3e-1")]
    [InlineData("0.0")]
    [InlineData("150.00000000000000000000000000000000001")]
    [InlineData("1e30")]
    [InlineData("1e999999999999")]
    public async Task Any_other_number_is_refused_as_an_age(string json) =>
        (await _server.PostJsonAsync("/register", $$"""{"username":"{{People.NewName()}}","password":"tidal wave 99","age":{{json}}}""")).IsRefused("INVALID_AGE");
}
