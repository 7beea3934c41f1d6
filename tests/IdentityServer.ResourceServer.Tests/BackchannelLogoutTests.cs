using System.Buffers.Text;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Testing;
using Testing.Issuer;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>An application with its own sessions is told of a sign-out once, and only by the issuer.</summary>
public sealed class BackchannelLogoutTests
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";

    [Fact, Rfc("Back-Channel Logout", "2.5"), Rfc("Back-Channel Logout", "2.6"), Rfc("Back-Channel Logout", "2.8")]
    public async Task A_logout_token_reaches_the_application()
    {
        await using var issuer = await FakeIssuer.StartAsync();
        await using var api = await ProtectedApi.StartAsync(issuer);
        var claims = Claims(issuer, api);

        using var answer = await PostAsync(api, Sign(issuer, claims));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        var logout = Assert.Single(api.LoggedOut);
        Assert.Equal(((string?)claims["sub"], (string?)claims["sid"], (long?)claims["iat"]), (logout.Subject, logout.SessionId, logout.IssuedAt.ToUnixTimeSeconds()));
    }

    [Fact, Rfc("Back-Channel Logout", "2.4")]
    public async Task A_logout_token_without_a_session_is_for_all_of_the_users_sessions()
    {
        await using var issuer = await FakeIssuer.StartAsync(IssuerKey.RS256);
        await using var api = await ProtectedApi.StartAsync(issuer);

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(api, Sign(issuer, Claims(issuer, api, claims => claims.Remove("sid")))));

        Assert.Null(Assert.Single(api.LoggedOut).SessionId);
    }

    [Fact, Rfc("Back-Channel Logout", "2.6")]
    public async Task A_replayed_token_is_refused()
    {
        await using var issuer = await FakeIssuer.StartAsync();
        await using var api = await ProtectedApi.StartAsync(issuer);
        var token = Sign(issuer, Claims(issuer, api));

        var statuses = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => StatusAsync(api, token)));

        Assert.Single(statuses, HttpStatusCode.OK);
        Assert.Equal(9, statuses.Count(status => status == HttpStatusCode.BadRequest));
        Assert.Single(api.LoggedOut);
    }

    public static TheoryData<string> Faults =>
    [
        "wrong issuer", "wrong audience", "no audience", "no sub", "no jti", "no iat", "no exp", "expired", "of the future", "for a day",
        "no events", "events of another kind", "events are a list", "event is a text", "with a nonce", "sid is a number", "an ID token", "an access token", "another's key", "alg none", "changed",
    ];

    [Theory, MemberData(nameof(Faults)), Rfc("Back-Channel Logout", "2.6")]
    public async Task Only_a_logout_token_for_this_client_is_accepted(string fault)
    {
        await using var issuer = await FakeIssuer.StartAsync();
        await using var api = await ProtectedApi.StartAsync(issuer);
        using var stranger = IssuerKey.Generate(IssuerKey.ES256);
        var now = api.Clock.GetUtcNow().ToUnixTimeSeconds();

        var claims = Claims(issuer, api, claims =>
        {
            switch (fault)
            {
                case "wrong issuer": claims["iss"] = "https://evil.example"; break;
                case "wrong audience": claims["aud"] = "another"; break;
                case "no audience": claims.Remove("aud"); break;
                case "no sub": claims.Remove("sub"); break;
                case "no jti": claims.Remove("jti"); break;
                case "no iat": claims.Remove("iat"); break;
                case "no exp": claims.Remove("exp"); break;
                case "expired": (claims["iat"], claims["exp"]) = (now - 300, now - 180); break;
                case "of the future": (claims["iat"], claims["exp"]) = (now + 180, now + 300); break;
                case "for a day": claims["exp"] = now + 86_400; break;
                case "no events": claims.Remove("events"); break;
                case "events of another kind": claims["events"] = new JsonObject { ["http://schemas.openid.net/event/other"] = new JsonObject() }; break;
                case "events are a list": claims["events"] = new JsonArray(Event); break;
                case "event is a text": claims["events"] = new JsonObject { [Event] = "" }; break;
                case "with a nonce": claims["nonce"] = "n"; break;
                case "sid is a number": claims["sid"] = 1; break;
            }
        });
        var token = issuer.Sign(claims, fault switch { "an ID token" => "JWT", "an access token" => "at+jwt", _ => "logout+jwt" }, fault == "another's key" ? stranger : null);
        var parts = token.Split('.');
        token = fault switch
        {
            "alg none" => $"{Base64Url.EncodeToString("""{"alg":"none","typ":"logout+jwt"}"""u8)}.{parts[1]}.",
            "changed" => $"{parts[0]}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Claims(issuer, api).ToJsonString()))}.{parts[2]}",
            _ => token,
        };

        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(api, token));
        Assert.Empty(api.LoggedOut);
    }

    [Fact]
    public async Task Only_a_form_with_exactly_one_token_is_read()
    {
        await using var issuer = await FakeIssuer.StartAsync();
        await using var api = await ProtectedApi.StartAsync(issuer);
        var token = Sign(issuer, Claims(issuer, api));

        HttpContent[] bodies =
        [
            Form(), Form(("logout_token", "")), Form(("logout_token", token), ("logout_token", token)), Form(("token", token)),
            new StringContent(token), new StringContent($$"""{"logout_token":"{{token}}"}""", Encoding.UTF8, "application/json"),
            new MultipartFormDataContent { { new StringContent(token), "logout_token" } }, Form(("logout_token", token + new string('x', 20_000))),
        ];
        // The framework's reader throws on it.
        bodies[0].Headers.ContentType!.CharSet = "utf-7";
        foreach (var body in bodies)
        {
            using var answer = await api.PostAsync("/backchannel-logout", body);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }
        Assert.Empty(api.LoggedOut);
    }

    [Fact]
    public async Task A_logout_that_the_application_failed_to_handle_may_be_retried()
    {
        await using var issuer = await FakeIssuer.StartAsync();
        await using var api = await ProtectedApi.StartAsync(issuer);
        var token = Sign(issuer, Claims(issuer, api));
        api.LogoutFault = new InvalidOperationException("The session store is unreachable.");
        Assert.Equal(HttpStatusCode.InternalServerError, await StatusAsync(api, token));

        api.LogoutFault = null;

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(api, token));
        Assert.Single(api.LoggedOut);
    }

    [Fact]
    public async Task A_new_key_is_fetched_and_without_any_key_it_is_503()
    {
        await using var issuer = await FakeIssuer.StartAsync();
        await using var api = await ProtectedApi.StartAsync(issuer);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(api, Sign(issuer, Claims(issuer, api))));
        using var next = IssuerKey.Generate(IssuerKey.RS256);
        issuer.Publish(issuer.Key, next);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(api, issuer.Sign(Claims(issuer, api), "logout+jwt", next)));

        await using var away = await FakeIssuer.StartAsync();
        away.IsAway = true;
        await using var alone = await ProtectedApi.StartAsync(away);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(alone, Sign(away, Claims(away, alone))));
    }

    private static JsonObject Claims(FakeIssuer issuer, ProtectedApi api, Action<JsonObject>? change = null)
    {
        var now = api.Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = issuer.Address, ["sub"] = Guid.NewGuid().ToString(), ["aud"] = FakeIssuer.ClientId, ["iat"] = now, ["exp"] = now + 120,
            ["jti"] = Guid.NewGuid().ToString("N"), ["sid"] = Guid.NewGuid().ToString(), ["events"] = new JsonObject { [Event] = new JsonObject() },
        };
        change?.Invoke(claims);
        return claims;
    }

    private static string Sign(FakeIssuer issuer, JsonObject claims) => issuer.Sign(claims, "logout+jwt");

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) => new(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));

    private static Task<HttpResponseMessage> PostAsync(ProtectedApi api, string token) => api.PostAsync("/backchannel-logout", Form(("logout_token", token)));

    private static async Task<HttpStatusCode> StatusAsync(ProtectedApi api, string token)
    {
        using var answer = await PostAsync(api, token);
        return answer.StatusCode;
    }
}
