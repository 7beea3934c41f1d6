using System.Net;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>Unicode normalisation throws for U+FFFE: no text that a caller sends may reach it unchecked.</summary>
public sealed class NoncharacterTests
{
    [Theory]
    [InlineData("/login", """{"username":"a\ufffe","password":"a long enough phrase"}""", HttpStatusCode.Unauthorized)]
    [InlineData("/register", """{"username":"a\ufffe","password":"a long enough phrase"}""", HttpStatusCode.BadRequest)]
    [InlineData("/register", """{"email":"a\ufffe@example.com","password":"a long enough phrase"}""", HttpStatusCode.BadRequest)]
    [InlineData("/auth/reset_password", """{"email":"a\ufffe@example.com","reset_token":"x","new_password":"a long enough phrase"}""", HttpStatusCode.BadRequest)]
    public async Task A_noncharacter_is_refused_without_a_server_error(string path, string body, HttpStatusCode status)
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true");
        Assert.Equal(status, (await server.PostJsonAsync(path, body)).Status);
    }

    [Fact]
    public async Task A_password_may_hold_a_noncharacter()
    {
        await using var server = await ServerUnderTest.StartAsync();
        const string body = """{"username":"norma","password":"eight\ufffe\uffff and more"}""";
        Assert.Equal(HttpStatusCode.Created, (await server.PostJsonAsync("/register", body)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostJsonAsync("/login", body)).Status);
    }

    [Fact]
    public async Task Reset_requests_with_a_noncharacter_stop_nobody_else()
    {
        await using var server = await ServerUnderTest.StartAsync();
        for (var i = 0; i < 8; i++)
            await server.PostJsonAsync("/auth/reset_password", """{"email":"a\ufffe@example.com"}""");
        Assert.Equal("invalid_grant", (await server.PostFormAsync("/connect/token", [("grant_type", "password"), ("username", "a\ufffe"), ("password", "x")], Calls.AsShop)).Error);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync()).Status);
    }
}
