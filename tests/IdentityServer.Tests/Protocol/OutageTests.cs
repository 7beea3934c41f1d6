using System.Net;
using IdentityServer.Tests.Hosting;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class OutageTests
{
    [Fact, Rfc("6749", "5.2")]
    public async Task An_internal_error_is_500_without_details()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await server.SignsInAsync();
        await server.ExecuteAsync("DROP TABLE grants CASCADE");

        foreach (var answer in new[] { await server.SignsInAsync(), await server.RefreshesAsync(signedIn.RefreshToken), await server.RevokesAsync(signedIn.RefreshToken) })
        {
            answer.Refuses(HttpStatusCode.InternalServerError, "server_error");
            Assert.Equal(["error", "error_description"], answer.Json.EnumerateObject().Select(member => member.Name));
            Assert.DoesNotContain("grants", answer.Body, StringComparison.Ordinal);
        }
        foreach (var answer in new[] { await server.PostJsonAsync("/login", new { username = World.Alice, password = World.AlicePassword }), await server.PostJsonAsync("/logout", "", signedIn.AccessToken) })
        {
            Assert.Equal((HttpStatusCode.InternalServerError, "INTERNAL_ERROR", "no-store"), (answer.Status, answer["code"], answer.Message.Headers.CacheControl?.ToString()));
            Assert.Equal(["status", "code", "message"], answer.Json.EnumerateObject().Select(member => member.Name));
            Assert.DoesNotContain("grants", answer.Body, StringComparison.Ordinal);
        }
    }

    [Fact, Rfc("7009", "2.2.1")]
    public async Task Without_its_database_the_server_answers_503_and_never_a_false_200()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var signedIn = await server.SignsInAsync();
        var cursor = (await FeedAsync(server, ""))["cursor"];

        await SetAsync(server, up: false);
        foreach (var answer in new[]
        {
            await server.RevokesAsync(signedIn.RefreshToken), await server.RevokesAsync(signedIn.AccessToken), await server.RefreshesAsync(signedIn.RefreshToken),
            await server.SignsInAsync(), await server.IntrospectsAsync(signedIn.RefreshToken, Calls.AsShop),
        })
            Unavailable(answer);
        // Requests that need no database still work.
        Assert.Equal(HttpStatusCode.OK, (await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(new(HttpMethod.Get, "/.well-known/jwks"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SendAsync(new(HttpMethod.Get, "/health/live"))).Status);

        // Without knowing what other nodes revoked, it can't vouch for a token.
        await Around.SoonAsync(async () => (await server.SendAsync(new(HttpMethod.Get, "/health/ready"))).Status == HttpStatusCode.ServiceUnavailable, "it knows that it has lost touch");
        Unavailable(await server.IntrospectsAsync(signedIn.AccessToken));
        Unavailable(await FeedAsync(server, ""));
        Unavailable(await FeedAsync(server, $"?after={cursor}&wait=5"));

        await SetAsync(server, up: true);
        await Around.SoonAsync(async () => (await server.SendAsync(new(HttpMethod.Get, "/health/ready"))).Status == HttpStatusCode.OK, "it is back");
        Assert.Equal("True", (await server.IntrospectsAsync(signedIn.AccessToken))["active"]);
        var refreshed = await server.RefreshesAsync(signedIn.RefreshToken);
        Assert.Equal(HttpStatusCode.OK, refreshed.Status);
        Assert.Equal(HttpStatusCode.OK, (await server.RevokesAsync(refreshed.RefreshToken)).Status);
        Assert.Equal("""{"active":false}""", (await server.IntrospectsAsync(signedIn.AccessToken)).Body);
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains(" 3001 ", StringComparison.Ordinal));
    }

    private static void Unavailable(Answer answer)
    {
        answer.Refuses(HttpStatusCode.ServiceUnavailable, "temporarily_unavailable");
        Assert.NotNull(answer.Message.Headers.RetryAfter?.Delta);
    }

    private static Task<Answer> FeedAsync(ServerUnderTest server, string query) =>
        server.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/connect/revocations" + query) { Headers = { Authorization = Calls.AsResourceApi } });

    private static async Task SetAsync(ServerUnderTest server, bool up)
    {
        var settings = new NpgsqlConnectionStringBuilder(server.ConnectionString);
        var database = settings.Database!;
        (settings.Database, settings.Pooling) = ("postgres", false);
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await Around.Command(connection, $"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS {(up ? "true" : "false")}").ExecuteNonQueryAsync();
        await Around.Command(connection, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database).ExecuteNonQueryAsync();
    }
}
