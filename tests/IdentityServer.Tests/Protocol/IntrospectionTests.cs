using System.Net;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class IntrospectionTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("7662", "2.2")]
    public async Task An_active_access_token_is_described_by_its_claims()
    {
        var signedIn = await _server.SignsInAsync();

        foreach (var caller in new[] { Calls.AsResourceApi, Calls.AsShop })
        {
            var answer = await _server.IntrospectsAsync(signedIn.AccessToken, caller);

            Assert.Equal(HttpStatusCode.OK, answer.Status);
            answer.IsNeverStored();
            Assert.Equal("application/json", answer.Message.Content.Headers.ContentType?.ToString());
            Assert.Equal("true", answer.Json.GetProperty("active").GetRawText());
            Assert.Equal("Bearer", answer["token_type"]);
            foreach (var claim in Around.Claims(signedIn.AccessToken).EnumerateObject())
                Assert.Equal(claim.Value.GetRawText(), answer.Json.GetProperty(claim.Name).GetRawText());
        }
    }

    [Fact, Rfc("7662", "2.2")]
    public async Task An_active_refresh_token_is_described_only_to_its_client()
    {
        var signedIn = await _server.SignsInAsync();

        var answer = await _server.IntrospectsAsync(signedIn.RefreshToken, Calls.AsShop);

        Assert.Equal(("True", "data:read data:write offline_access", World.Shop), (answer["active"], answer["scope"], answer["client_id"]));
        Assert.Equal(Around.Claims(signedIn.AccessToken).GetProperty("sub").GetString(), answer["sub"]);
        Assert.InRange(answer.Json.GetProperty("exp").GetInt64() - _server.Clock.GetUtcNow().ToUnixTimeSeconds(), 13 * 86_400, 14 * 86_400);
        Inactive(await _server.IntrospectsAsync(signedIn.RefreshToken, Calls.AsResourceApi));
        Inactive(await _server.IntrospectsAsync(signedIn.RefreshToken, Calls.AsRival));
    }

    [Fact, Rfc("7662", "2.2")]
    public async Task Any_other_token_is_answered_with_inactive_and_nothing_else()
    {
        var signedIn = await _server.SignsInAsync();
        var next = await _server.RefreshesAsync(signedIn.RefreshToken);
        var token = signedIn.AccessToken!;
        var parts = token.Split('.');
        foreach (var other in new[]
        {
            "garbage", ".", "..", "...", "a.b.c", "e30.e30.", new string('.', 60_000), new string('A', 60_000), token + "A", token[..^1], token + "=", " " + token, token + " ", $"{parts[0]}.{parts[1]}.",
            $"{parts[0]}.{parts[2]}.{parts[1]}", $"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{parts[1]}.", $"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{parts[1]}.{parts[2]}", "😀.😀.😀", HandleTests.Write(_server, Guid.NewGuid(), 0),
        })
            Inactive(await _server.IntrospectsAsync(other));
        // A spent refresh token is not active, not even within the leeway.
        Inactive(await _server.IntrospectsAsync(signedIn.RefreshToken, Calls.AsShop));
        Assert.Equal("True", (await _server.IntrospectsAsync(next.RefreshToken, Calls.AsShop))["active"]);
    }

    [Fact]
    public async Task An_expired_token_is_inactive()
    {
        await using var server = await ServerUnderTest.StartAsync("--AccessTokens:Lifetime=60");
        var signedIn = await server.SignsInAsync();
        Assert.Equal("60", signedIn["expires_in"]);
        Assert.Equal("True", (await server.IntrospectsAsync(signedIn.AccessToken))["active"]);

        server.Clock.Advance(TimeSpan.FromSeconds(61));

        Inactive(await server.IntrospectsAsync(signedIn.AccessToken));
    }

    [Fact, Rfc("7662", "4")]
    public async Task A_caller_outside_the_audience_learns_nothing()
    {
        var withoutAudience = await _server.SignsInAsync(scope: "offline_access");
        var signedIn = await _server.SignsInAsync();

        Inactive(await _server.IntrospectsAsync(signedIn.AccessToken, Calls.AsRival));
        Inactive(await _server.IntrospectsAsync(withoutAudience.AccessToken, Calls.AsResourceApi));
        Assert.Equal("True", (await _server.IntrospectsAsync(withoutAudience.AccessToken, Calls.AsShop))["active"]);
    }

    [Fact, Rfc("7662", "2.1")]
    public async Task Public_and_unauthenticated_callers_are_refused()
    {
        var token = (await _server.SignsInAsync()).AccessToken!;
        (await _server.PostFormAsync("/connect/introspect", [("token", token)])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync("/connect/introspect", [("token", token), ("client_id", World.Spa)])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync("/connect/introspect", [("token", token), ("client_id", "account-api")])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.IntrospectsAsync(token, Calls.Basic(World.Spa, ""))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.IntrospectsAsync(token, Calls.Basic(World.ResourceApi, "wrong"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        // A bearer token is no client authentication here.
        (await _server.IntrospectsAsync(token, new("Bearer", token))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("7662", "2.1")]
    public async Task Exactly_one_token_is_required()
    {
        (await _server.PostFormAsync("/connect/introspect", [("x", "y")], Calls.AsResourceApi)).Refuses("invalid_request");
        (await _server.IntrospectsAsync("")).Refuses("invalid_request");
        (await _server.PostFormAsync("/connect/introspect", [("token", "x"), ("token", "x")], Calls.AsResourceApi)).Refuses("invalid_request");
    }

    [Theory]
    [InlineData("access_token")]
    [InlineData("refresh_token")]
    [InlineData("nonsense")]
    public async Task A_hint_changes_nothing(string hint)
    {
        var signedIn = await _server.SignsInAsync();

        Assert.Equal("True", (await _server.PostFormAsync("/connect/introspect", [("token", signedIn.AccessToken!), ("token_type_hint", hint)], Calls.AsResourceApi))["active"]);
        Assert.Equal("True", (await _server.PostFormAsync("/connect/introspect", [("token", signedIn.RefreshToken!), ("token_type_hint", hint)], Calls.AsShop))["active"]);
    }

    private static void Inactive(Answer answer)
    {
        Assert.Equal((HttpStatusCode.OK, """{"active":false}"""), (answer.Status, answer.Body));
        answer.IsNeverStored();
    }
}
