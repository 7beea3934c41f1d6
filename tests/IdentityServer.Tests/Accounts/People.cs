using System.Net;
using System.Text.RegularExpressions;
using IdentityServer.Tests.Hosting;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>What people do at the account API, in words.</summary>
internal static partial class People
{
    public const string Password = "tidal wave 99";

    private static int _count;

    /// <summary>A name that no other test uses.</summary>
    public static string NewName() => $"person{Interlocked.Increment(ref _count)}";

    public static Task<Answer> RegistersAsync(this ServerUnderTest server, string username, string password = Password) =>
        server.PostJsonAsync("/register", new { username, email = EmailOf(username), password });

    public static string EmailOf(string username) => $"{username}@example.com";

    public static Task<Answer> LogsInAsync(this ServerUnderTest server, string username, string password = Password) =>
        server.PostJsonAsync("/login", new { username, password });

    public static Task<Answer> LogsOutAsync(this ServerUnderTest server, string? token) =>
        server.PostJsonAsync("/logout", "", token);

    public static Task<Answer> ChangesPasswordAsync(this ServerUnderTest server, string? token, string current, string chosen) =>
        server.PostJsonAsync("/auth/change_password", new { current_password = current, new_password = chosen }, token);

    public static Task<Answer> AsksForResetAsync(this ServerUnderTest server, string email) =>
        server.PostJsonAsync("/auth/reset_password", new { email });

    public static Task<Answer> ResetsAsync(this ServerUnderTest server, string email, string token, string chosen) =>
        server.PostJsonAsync("/auth/reset_password", new { email, reset_token = token, new_password = chosen });

    /// <summary>At <c>/connect/token</c>, as the contract says.</summary>
    public static Task<Answer> RefreshesAtAccountApiAsync(this ServerUnderTest server, string? refreshToken) =>
        server.PostFormAsync("/connect/token", [("grant_type", "refresh_token"), ("client_id", "account-api"), ("refresh_token", refreshToken ?? "")]);

    public static async Task<bool> IsLiveAsync(this ServerUnderTest server, string? accessToken) =>
        (await server.IntrospectsAsync(accessToken))["active"] == "True";

    public static void IsRefused(this Answer answer, string code, HttpStatusCode status = HttpStatusCode.BadRequest)
    {
        Assert.Equal((code, status), (answer["code"], answer.Status));
        Assert.Equal("error", answer["status"]);
        Assert.False(string.IsNullOrEmpty(answer["message"]));
        Assert.Equal("no-store", answer.Message.Headers.CacheControl?.ToString());
    }

    public static void Succeeds(this Answer answer, HttpStatusCode status, string message)
    {
        Assert.Equal((status, "success", message), (answer.Status, answer["status"], answer["message"]));
        Assert.Equal("no-store", answer.Message.Headers.CacheControl?.ToString());
    }

    /// <summary>The reset token of a message.</summary>
    public static string TokenOf(string message)
    {
        var match = Token().Match(message);
        Assert.True(match.Success, message);
        return match.Groups[1].Value;
    }

    [GeneratedRegex(@"^([A-Za-z0-9_-]{43})\r?$", RegexOptions.Multiline)]
    private static partial Regex Token();
}
