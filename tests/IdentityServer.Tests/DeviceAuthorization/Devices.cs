using System.Buffers.Text;
using System.Security.Cryptography;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace IdentityServer.Tests.DeviceAuthorization;

/// <summary>A server whose clients <c>native</c> (public) and <c>tv</c> (confidential) sign devices in.</summary>
public sealed class DeviceServer : IAsyncLifetime
{
    internal ServerUnderTest Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await Devices.StartAsync();

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>What devices and their users do, in words.</summary>
internal static class Devices
{
    public const string GrantType = "urn:ietf:params:oauth:grant-type:device_code";
    public const string Tv = "tv";
    public const string TvSecret = "tv-secret";

    /// <summary>SQL: the code, without its hyphen, is the first parameter.</summary>
    public const string HasUserCode = "reference_id = encode(sha256(convert_to($1, 'UTF8')), 'base64')";

    public static async Task<ServerUnderTest> StartAsync(params string[] settings)
    {
        var server = await ServerUnderTest.StartAsync(settings);
        await server.ConfiguresAsync(db => db.Clients.Add(new ClientRow
        {
            ClientId = Tv, Name = "Television", AuthMethod = "client_secret_basic", SecretHashes = [server.SecretHash(TvSecret)],
            GrantTypes = [GrantType], Scopes = World.SignInScopes,
        }));
        return server;
    }

    /// <summary>RFC 8628 §3.1, of the public client.</summary>
    public static Task<Answer> AsksAsync(this ServerUnderTest server, string? scope = null) =>
        server.PostFormAsync("/connect/device_authorization", scope is null ? [("client_id", World.Native)] : [("client_id", World.Native), ("scope", scope)]);

    /// <summary>RFC 8628 §3.4, of the public client.</summary>
    public static Task<Answer> PollsAsync(this ServerUnderTest server, string? deviceCode, string clientId = World.Native) =>
        server.PostFormAsync("/connect/token", [("grant_type", GrantType), ("device_code", deviceCode ?? ""), ("client_id", clientId)]);

    /// <summary>A browser that is signed in already, without the work of a password.</summary>
    public static async Task<Browser> BrowserOfAsync(this ServerUnderTest server, string username = World.Alice)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var user = await scope.ServiceProvider.GetRequiredService<AuthDb>().Users.SingleAsync(user => user.UserName == username);
        var (now, secret) = (server.Clock.GetUtcNow(), RandomNumberGenerator.GetBytes(32));
        var id = GrantIds.Create(now);
        Assert.NotNull(await server.Services.GetRequiredService<SessionStore>().TryStartAsync(
            new NewSession(id, SHA256.HashData(secret), user.Id, user.SecurityStamp!, null, BrowserSessions.ByPassword, now, now.AddHours(10), null, null, null), CancellationToken.None));
        return new Browser(server) { Cookies = { ["identityserver"] = Base64Url.EncodeToString([.. id.ToByteArray(bigEndian: true), .. secret]) } };
    }

    /// <summary>Types the code and presses the button.</summary>
    public static async Task<BrowserPage> DecidesAsync(this Browser browser, string? userCode, string button = "consent-allow")
    {
        var entry = await browser.GetAsync("/device");
        var asked = await browser.SubmitAsync(entry, "device-continue", ("user_code", userCode!));
        return await browser.SubmitAsync(asked, button);
    }
}
