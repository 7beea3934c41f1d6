using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

/// <summary>No line of the log, at any level, contains a password, secret or token, whatever happens.</summary>
public sealed class LeakTests
{
    [Fact, Rfc("6819", "5.1.6")]
    public async Task No_secret_reaches_the_log()
    {
        await using var server = await ServerUnderTest.StartAsync(
            "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace", "--Logging:LogLevel:Microsoft.AspNetCore=Trace", "--Logging:LogLevel:Microsoft.EntityFrameworkCore=Trace", "--Logging:LogLevel:Npgsql=Trace", "--Logging:LogLevel:Quartz=Trace");
        const string password = "canary-password-7391", wrong = "canary-guess-2846", secret = "canary-secret-5512", query = "canary-query-9034";
        var name = await server.HasUserAsync(password);
        await server.ConfiguresAsync(db => db.Clients.Add(new()
        {
            ClientId = "canary", AuthMethod = "client_secret_basic", SecretHashes = [server.SecretHash(secret)], GrantTypes = ["password", "refresh_token", "client_credentials"], Scopes = ["data:read", "offline_access"],
        }));
        var client = Calls.Basic("canary", secret);

        var signedIn = await server.SignsInAsync(name, password, client);
        Assert.Equal(HttpStatusCode.OK, signedIn.Status);
        var refreshed = await server.RefreshesAsync(signedIn.RefreshToken, client);
        var own = await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_id", "canary"), ("client_secret", secret)]);
        // Refusals of every kind.
        for (var i = 0; i < 12; i++)
            await server.SignsInAsync(name, wrong, client);
        await server.SignsInAsync(name, password, client);
        await server.SignsInAsync(wrong, password, client);
        await server.PostFormAsync("/connect/token", [("grant_type", password), ("scope", secret)], client);
        await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("client_id", "canary"), ("client_secret", secret)], client);
        await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.Basic("canary", wrong));
        await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], new("Basic", "%" + secret));
        await server.PostFormAsync($"/connect/token?client_secret={query}&password={query}", [("grant_type", "password")]);
        await server.SendAsync(new(HttpMethod.Get, $"/connect/revocations?after={query}&access_token={query}") { Headers = { Authorization = Calls.AsResourceApi } });
        await server.SendAsync(new(HttpMethod.Get, $"/connect/token?refresh_token={query}"));
        await server.PostFormAsync("/connect/token", [("grant_type", "refresh_token"), ("refresh_token", refreshed.RefreshToken! + "x")], client);
        await server.SendsRawAsync($"POST /connect/token HTTP/1.1\nHost: x\nAuthorization: Basic {secret}\nX: \u0001{secret}\n\n");
        // A theft, which is logged; introspection and revocation.
        server.Clock.Advance(TimeSpan.FromSeconds(31));
        await server.RefreshesAsync(signedIn.RefreshToken, client);
        await server.IntrospectsAsync(refreshed.AccessToken);
        await server.IntrospectsAsync(refreshed.RefreshToken, client);
        await server.RevokesAsync(own.AccessToken, client);
        await server.RevokesAsync(refreshed.RefreshToken, client);

        Assert.Contains(server.Log.Lines, line => line.Contains(" 2100 ", StringComparison.Ordinal));
        Assert.Contains(server.Log.Lines, line => line.StartsWith("Trace", StringComparison.Ordinal) || line.StartsWith("Debug", StringComparison.Ordinal));
        string[] canaries =
        [
            password, wrong, secret, query, signedIn.RefreshToken!, refreshed.RefreshToken!, signedIn.AccessToken!, refreshed.AccessToken!, own.AccessToken!,
            .. new[] { signedIn, refreshed, own }.SelectMany(answer => answer.AccessToken!.Split('.').Skip(1)),
            client.Parameter!, await server.ReadAsync<string>("SELECT password_hash FROM users WHERE user_name = $1", name),
        ];
        var leaks = server.Log.Lines.Where(line => canaries.Any(canary => line.Contains(canary, StringComparison.OrdinalIgnoreCase))).ToList();
        Assert.True(leaks.Count == 0, string.Join('\n', leaks.Take(5)));
    }
}
