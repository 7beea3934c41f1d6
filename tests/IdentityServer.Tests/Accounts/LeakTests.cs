using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using Xunit;

namespace IdentityServer.Tests.Accounts;

public sealed class LeakTests
{
    [Fact]
    public async Task No_line_of_the_log_holds_a_password_or_token()
    {
        const string password = "canary-of-a-password-1";
        const string chosen = "canary-of-a-password-2";
        const string third = "canary-of-a-password-3";
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting);

        var registered = await server.RegistersAsync("canary", password);
        Assert.Equal(HttpStatusCode.Created, registered.Status);
        await server.RegistersAsync("canary", password);
        await server.LogsInAsync("canary", "canary-of-a-guess");
        var session = await server.LogsInAsync("canary", password);
        var changed = await server.ChangesPasswordAsync(session.Data("access_token"), password, chosen);
        await server.AsksForResetAsync(People.EmailOf("canary"));
        var token = People.TokenOf(await inbox.NextAsync(People.EmailOf("canary")));
        await server.ResetsAsync(People.EmailOf("canary"), "canary-of-a-reset-token", third);
        Assert.Equal(HttpStatusCode.OK, (await server.ResetsAsync(People.EmailOf("canary"), token, third)).Status);
        var again = await server.LogsInAsync("canary", third);
        await server.LogsOutAsync(again.Data("access_token"));
        await server.LogsOutAsync(again.Data("access_token"));
        await server.PostJsonAsync("/login", """{"username":"canary","password":"canary-of-a-password-1""");
        await server.PostJsonAsync("/logout?access_token=canary-of-a-query", "");

        string[] secrets =
        [
            "canary-of-a", token, Signature(registered), Signature(session), Signature(again),
            session.Data("refresh_token")!, changed.Data("refresh_token")!, again.Data("refresh_token")!,
        ];
        Assert.NotEmpty(server.Log.Lines);
        foreach (var line in server.Log.Lines)
        {
            foreach (var secret in secrets)
                Assert.DoesNotContain(secret, line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_taken_name_is_not_logged_as_an_error()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.RegistersAsync(World.Alice);

        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Critical", StringComparison.Ordinal));
    }

    private static string Signature(Answer answer) => answer.Data("access_token")!.Split('.')[2];
}
