using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using IdentityServer.Audit;
using IdentityServer.Keys;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Settings;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace IdentityServer.Tests.Logout;

/// <summary>A browser that is signed in, and what was given out in its session.</summary>
internal sealed class SignedIn(ServerUnderTest server, Browser browser, Guid session, Guid user)
{
    public Browser Browser => browser;

    public Guid Session => session;

    public Guid User => user;

    public bool HasCookie => browser.Cookies.ContainsKey("identityserver");

    public async Task<bool> IsLiveAsync() =>
        await server.ReadAsync<int>("SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NULL", session) == 1;

    public async Task<bool> IsGrantLiveAsync(Guid grant) =>
        await server.ReadAsync<int>("SELECT count(*) FROM grants WHERE id = $1 AND revoked_at IS NULL", grant) == 1;

    /// <summary>As the authorization endpoint writes it.</summary>
    public async Task<Guid> ReachesAsync(string clientId, params string[] scopes)
    {
        var now = server.Clock.GetUtcNow();
        var grant = GrantIds.Create(now);
        await server.ExecuteAsync(
            """
            INSERT INTO grants (id, client_id, subject, scopes, generation, created_at, expires_at, absolute_expires_at, prunable_at, security_stamp, session_id)
            SELECT $1, $2, user_id, $3, 1, $4, $5, $5, $5, security_stamp, id FROM sessions WHERE id = $6
            """, grant, clientId, scopes, now, now.AddHours(1), session);
        await server.ExecuteAsync("INSERT INTO session_grants (session_id, grant_id, client_id) VALUES ($1, $2, $3)", session, grant, clientId);
        return grant;
    }

    /// <summary>An ID token of this session, as a client got it.</summary>
    /// <param name="change">Changes the claims.</param>
    public string IdToken(string clientId = World.Web, Action<JsonObject>? change = null, string type = "JWT", SigningKey? key = null, string algorithm = SecurityAlgorithms.RsaSha256)
    {
        var issuedAt = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = "http://localhost:5000", ["sub"] = user.ToString(), ["aud"] = clientId, ["iat"] = issuedAt, ["exp"] = issuedAt + 300, ["sid"] = session.ToString(),
        };
        change?.Invoke(claims);
        var payload = Encoding.UTF8.GetBytes(claims.ToJsonString());
        var ring = server.Services.GetRequiredService<CurrentKeys>().Value;
        return (key is not null ? key.CreateSigner(type) : type == "JWT" ? ring.IdTokenSigner(algorithm) : ring.AccessTokenSigner(algorithm)).Sign(payload);
    }

    public string AccessToken(Guid grant, string clientId = World.Shop)
    {
        var issuedAt = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        return server.Services.GetRequiredService<CurrentKeys>().Value.AccessTokenSigner(SecurityAlgorithms.EcdsaSha256).Sign(JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["iss"] = "http://localhost:5000", ["sub"] = user, ["aud"] = World.Resource, ["exp"] = issuedAt + 3600, ["iat"] = issuedAt, ["jti"] = Guid.NewGuid(),
            ["client_id"] = clientId, ["scope"] = "data:read", ["grant_id"] = grant,
        }));
    }
}

internal static class SigningIn
{
    /// <summary>Signs a browser in without its page.</summary>
    public static async Task<SignedIn> HasSessionAsync(this ServerUnderTest server, string? username = null)
    {
        username ??= await server.HasUserAsync();
        var user = Guid.Parse(await server.ReadAsync<string>("SELECT id::text FROM users WHERE user_name = $1", username));
        var stamp = await server.ReadAsync<string>("SELECT security_stamp FROM users WHERE id = $1", user);
        var secret = RandomNumberGenerator.GetBytes(32);
        var now = server.Clock.GetUtcNow();
        var id = GrantIds.Create(now);
        Assert.Equal(new StartedSession(id, null), await server.Services.GetRequiredService<SessionStore>().TryStartAsync(
            new NewSession(id, SHA256.HashData(secret), user, stamp, null, ["pwd"], now, now.AddHours(10), null, null, null), CancellationToken.None));
        var browser = new Browser(server);
        browser.Cookies[server.Services.GetRequiredService<IssuerSettings>().CookieName("")] = Base64Url.EncodeToString([.. id.ToByteArray(bigEndian: true), .. secret]);
        return new SignedIn(server, browser, id, user);
    }

    /// <summary>Replaces the client's metadata by these members of RFC 7591.</summary>
    public static Task SaysOfAsync(this ServerUnderTest server, string clientId, string metadata) =>
        server.ConfiguresAsync(db => db.Clients.Single(client => client.ClientId == clientId).Metadata = metadata);

    public static string Query(params (string Name, string Value)[] parameters) =>
        "/connect/logout?" + string.Join('&', parameters.Select(parameter => $"{parameter.Name}={Uri.EscapeDataString(parameter.Value)}"));

    public static AuditNote ByTheUser => new(AuditEvents.SessionEnded, AuditReasons.Logout, null);
}
