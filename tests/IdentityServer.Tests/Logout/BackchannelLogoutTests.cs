using System.Collections.Concurrent;
using System.Net;
using Dpop;
using IdentityServer.Accounts.Sessions;
using IdentityServer.Protocol.Jwt;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Outbox;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Testing;
using Xunit;

using static IdentityServer.Tests.Logout.SigningIn;

namespace IdentityServer.Tests.Logout;

/// <summary>Every client used in the session is told of a sign-out, sooner or later, without the browser.</summary>
public sealed class BackchannelLogoutTests
{
    [Fact, Rfc("Back-Channel Logout", "2.4"), Rfc("Back-Channel Logout", "2.5")]
    public async Task A_client_used_in_the_session_gets_a_logout_token()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var site = await ListenerAsync();
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}logout","post_logout_redirect_uris":["https://web.example/signed-out"]}""");
        var alice = await server.HasSessionAsync();
        await alice.ReachesAsync(World.Web, "openid");
        await alice.ReachesAsync(World.Web, "openid", "offline_access");
        await alice.ReachesAsync(World.Portal, "openid");

        await alice.Browser.GetAsync(Query(("id_token_hint", alice.IdToken())));

        var told = await site.NextAsync();
        Assert.Equal(("POST", "/logout", "application/x-www-form-urlencoded"), (told.Method, told.Path, told.ContentType));
        var header = Around.Header(told.Token);
        Assert.Equal(("RS256", "logout+jwt"), (header.GetProperty("alg").GetString(), header.GetProperty("typ").GetString()));
        var claims = Around.Claims(told.Token);
        Assert.Equal(["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"], claims.EnumerateObject().Select(claim => claim.Name).Order(StringComparer.Ordinal));
        Assert.Equal("http://localhost:5000", claims.GetProperty("iss").GetString());
        Assert.Equal(World.Web, claims.GetProperty("aud").GetString());
        Assert.Equal(alice.User.ToString(), claims.GetProperty("sub").GetString());
        Assert.Equal(alice.Session.ToString(), claims.GetProperty("sid").GetString());
        Assert.Equal("""{"http://schemas.openid.net/event/backchannel-logout":{}}""", claims.GetProperty("events").GetRawText());
        Assert.InRange(claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64(), 1, 120);
        await VerifiesAsync(server, told.Token);

        // Once, although the session used it twice.
        await IsEmptyAsync(server);
        Assert.Equal(1, site.Site.Requests);
    }

    [Fact, Rfc("RP-Initiated Logout", "2"), Rfc("Back-Channel Logout", "2")]
    public async Task A_browser_that_signed_in_at_two_clients_is_signed_out_of_both()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var site = await ListenerAsync();
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}","post_logout_redirect_uris":["https://web.example/signed-out"]}""");
        await server.SaysOfAsync(World.Portal, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}","require_pkce":false,"require_consent":false}""");
        var browser = await server.HasBrowserOfAsync();
        var web = await browser.SignsInAtAsync(server, CodeFlow.WebRequest());
        var portal = await browser.SignsInAtAsync(server, CodeFlow.PortalRequest(("scope", "openid profile offline_access")));
        var unspent = await browser.GetsCodeAsync(CodeFlow.WebRequest());
        Assert.Equal(HttpStatusCode.OK, await UserInfoAsync(server, web));
        var session = Around.Claims(web["id_token"]).GetProperty("sid").GetString();

        var answer = await browser.GetAsync(Query(("id_token_hint", web["id_token"]!), ("post_logout_redirect_uri", "https://web.example/signed-out")));

        Assert.Equal("https://web.example/signed-out", answer.Location);
        var told = new[] { Around.Claims((await site.NextAsync()).Token), Around.Claims((await site.NextAsync()).Token) };
        Assert.Equal([World.Portal, World.Web], told.Select(claims => claims.GetProperty("aud").GetString()).Order(StringComparer.Ordinal));
        Assert.All(told, claims => Assert.Equal(session, claims.GetProperty("sid").GetString()));
        Assert.Equal(HttpStatusCode.Unauthorized, await UserInfoAsync(server, web));
        Assert.Equal("invalid_grant", (await server.RedeemsAsync(unspent)).Error);
        // Grants with offline_access continue.
        Assert.Equal(HttpStatusCode.OK, await UserInfoAsync(server, portal));
        (await browser.AuthorizesAsync(CodeFlow.WebRequest(("prompt", "none")))).SendsBack("login_required");
    }

    [Fact, Rfc("Back-Channel Logout", "2.4")]
    public async Task The_token_is_signed_like_the_clients_ID_tokens()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var site = await ListenerAsync();
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}","id_token_signed_response_alg":"ES256"}""");
        var alice = await server.HasSessionAsync();
        await alice.ReachesAsync(World.Web, "openid");

        await EndAsync(server, alice);

        var told = await site.NextAsync();
        Assert.Equal("ES256", Around.Header(told.Token).GetProperty("alg").GetString());
        await VerifiesAsync(server, told.Token);
    }

    [Fact, Rfc("Back-Channel Logout", "2.8")]
    public async Task A_client_that_fails_is_told_again_with_another_token()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var site = await ListenerAsync(503, 302, 200);
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}"}""");
        var alice = await server.HasSessionAsync();
        await alice.ReachesAsync(World.Web, "openid");

        await EndAsync(server, alice);

        var tokens = new[] { await site.NextAsync(), await site.NextAsync(), await site.NextAsync() };
        await IsEmptyAsync(server);
        Assert.Equal(3, site.Site.Requests);
        Assert.Equal(3, tokens.Select(told => Around.Claims(told.Token).GetProperty("jti").GetString()).Distinct().Count());
        Assert.Contains(server.Log.Lines, line => line.Contains("Client web was not told of a sign-out at attempt 1: it answered 503", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, line => tokens.Any(told => line.Contains(told.Token.Split('.')[2], StringComparison.Ordinal)));
    }

    [Fact, Rfc("Back-Channel Logout", "2.8")]
    public async Task A_client_that_refuses_is_not_told_again()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var site = await ListenerAsync(400);
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}"}""");
        var alice = await server.HasSessionAsync();
        await alice.ReachesAsync(World.Web, "openid");

        await EndAsync(server, alice);
        await IsEmptyAsync(server);

        Assert.Equal(1, site.Site.Requests);
        Assert.Contains(server.Log.Lines, line => line.Contains("Client web refuses a logout token", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Other_clients_and_those_unregistered_since_are_not_told()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var site = await ListenerAsync(503);
        var metadata = $$"""{"backchannel_logout_uri":"{{site.Site.Address}}"}""";
        await server.SaysOfAsync(World.Web, metadata);
        await server.SaysOfAsync(World.Portal, metadata);
        var (alice, bob) = (await server.HasSessionAsync(), await server.HasSessionAsync());
        await alice.ReachesAsync(World.Web, "openid");
        await bob.ReachesAsync(World.Portal, "openid");

        await EndAsync(server, alice);
        Assert.Equal(World.Web, Around.Claims((await site.NextAsync()).Token).GetProperty("aud").GetString());
        await server.SaysOfAsync(World.Web, "{}");
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        server.LooksForMessages();

        await IsEmptyAsync(server);
        Assert.All(site.Told, told => Assert.Equal(World.Web, Around.Claims(told.Token).GetProperty("aud").GetString()));
    }

    [Fact]
    public async Task A_session_ends_only_if_its_messages_can_be_stored()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.SaysOfAsync(World.Web, """{"backchannel_logout_uri":"http://127.0.0.1:1/"}""");
        var alice = await server.HasSessionAsync();
        var grant = await alice.ReachesAsync(World.Web, "openid");
        await server.ExecuteAsync("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full' USING ERRCODE = '53100'; END $$");
        await server.ExecuteAsync("CREATE TRIGGER refuses BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()");

        await Assert.ThrowsAsync<PostgresException>(() => EndAsync(server, alice));

        Assert.True(await alice.IsLiveAsync());
        Assert.True(await alice.IsGrantLiveAsync(grant));
        Assert.Equal(0, await server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event LIKE '%ended'"));
        Assert.True(await server.IsLiveAsync(alice.AccessToken(grant)));
    }

    [Fact]
    public async Task A_password_reset_sends_logout_tokens_too()
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting);
        await using var site = await ListenerAsync();
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}"}""");
        var alice = await server.HasSessionAsync(World.Alice);
        await alice.ReachesAsync(World.Web, "openid", "offline_access");

        await server.AsksForResetAsync(World.AliceEmail);
        await server.ResetsAsync(World.AliceEmail, People.TokenOf(await inbox.NextAsync(World.AliceEmail)), "spring tide 100");

        Assert.Equal(alice.Session.ToString(), Around.Claims((await site.NextAsync()).Token).GetProperty("sid").GetString());
    }

    [Fact, Rfc("Back-Channel Logout", "2.5")]
    public async Task A_disabled_user_is_signed_out_everywhere()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var site = await ListenerAsync();
        await server.SaysOfAsync(World.Web, $$"""{"backchannel_logout_uri":"{{site.Site.Address}}"}""");
        var alice = await server.HasSessionAsync(World.Alice);
        await alice.ReachesAsync(World.Web, "openid", "offline_access");
        await alice.ReachesAsync(World.Portal, "openid");

        await server.AppliesAsync("""{"users":[{"username":"alice","disabled":true}]}""");

        Assert.False(await alice.IsLiveAsync());
        Assert.Equal(alice.Session.ToString(), Around.Claims((await site.NextAsync()).Token).GetProperty("sid").GetString());
        await IsEmptyAsync(server);
        Assert.Equal(1, site.Site.Requests);
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'session_ended' AND reason = 'disabled' AND subject = $1", alice.User));
    }

    private static async Task<HttpStatusCode> UserInfoAsync(ServerUnderTest server, Answer tokens) =>
        (await server.SendAsync(new(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", tokens.AccessToken) } })).Status;

    private static Task<bool> EndAsync(ServerUnderTest server, SignedIn who) =>
        server.Services.GetRequiredService<SessionEnding>().EndAsync(who.Session, who.User, ByTheUser);

    /// <summary>Like a client, with the published keys.</summary>
    private static async Task VerifiesAsync(ServerUnderTest server, string token)
    {
        Assert.True(JwtVerifier.TryParse(await server.Http.GetByteArrayAsync("/.well-known/jwks"), PublicJwk.Algorithms, out var keys));
        var expected = new JwtExpectations { Type = "logout+jwt", Issuer = "http://localhost:5000", Audience = World.Web };
        Assert.Equal(JwtError.None, keys!.Verify(token, expected, server.Clock.GetUtcNow().AddSeconds(1), out _));
    }

    private static Task IsEmptyAsync(ServerUnderTest server) => Around.SoonAsync(async () =>
    {
        server.LooksForMessages();
        return await server.ReadAsync<int>("SELECT count(*) FROM outbox") == 0;
    }, "the outbox is empty");

    private static async Task<Listener> ListenerAsync(params int[] statuses)
    {
        var told = new ConcurrentQueue<Told>();
        var count = 0;
        var site = await ClientSite.StartAsync(async httpContext =>
        {
            var form = await httpContext.Request.ReadFormAsync();
            var status = statuses.Length == 0 ? 200 : statuses[Math.Min(Interlocked.Increment(ref count) - 1, statuses.Length - 1)];
            told.Enqueue(new Told(httpContext.Request.Method, httpContext.Request.Path, httpContext.Request.ContentType!, form["logout_token"].ToString()));
            httpContext.Response.StatusCode = status;
            if (status == 302)
                httpContext.Response.Headers.Location = "/elsewhere";
        });
        return new Listener(site, told);
    }

    private sealed record Told(string Method, string Path, string ContentType, string Token);

    private sealed class Listener(ClientSite site, ConcurrentQueue<Told> told) : IAsyncDisposable
    {
        private int _read;

        public ClientSite Site => site;

        public IEnumerable<Told> Told => told;

        public async Task<Told> NextAsync()
        {
            await Around.SoonAsync(() => Task.FromResult(told.Count > _read), "the client is told");
            return told.ElementAt(_read++);
        }

        public ValueTask DisposeAsync() => site.DisposeAsync();
    }
}
