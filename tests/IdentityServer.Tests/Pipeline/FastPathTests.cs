using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace IdentityServer.Tests.Pipeline;

/// <summary>The fast path answers as the pipeline does: each request goes to a node with it and to a node without.</summary>
public sealed class FastPathTests : IAsyncLifetime
{
    private static readonly Dictionary<string, AuthenticationHeaderValue?> Authorizations = new()
    {
        ["shop"] = Calls.AsShop, ["rival"] = Calls.AsRival, ["wrong secret"] = Calls.Basic(World.Shop, "wrong"), ["unknown client"] = Calls.Basic("nobody", "x"),
        ["no client"] = null, ["bearer"] = new("Bearer", "x"), ["malformed"] = new("Basic", "!"),
    };

    private static readonly string?[] Scopes = [null, "data:read", "data:read data:write offline_access", "openid offline_access", "unknown", "data:read  data:write", "\u00e9", ""];

    private static readonly (string Name, string Value)[] Extras =
    [
        ("unknown", "x"), ("scope", "data:read"), ("grant_type", "password"), ("client_id", World.Shop), ("client_id", World.Rival), ("client_id", World.Spa), ("client_secret", World.ShopSecret),
        ("resource", World.Resource), ("resource", "https://elsewhere.example"), ("client_assertion", "x"), ("audience", "x"), ("code", "x"), ("request_uri", "x"), ("=", ""),
    ];

    private ServerUnderTest _fast = null!;
    private ServerUnderTest _slow = null!;

    public async ValueTask InitializeAsync()
    {
        _fast = await ServerUnderTest.StartAsync();
        _slow = await _fast.StartNodeAsync("--FastPath:Enabled=false");
    }

    public async ValueTask DisposeAsync()
    {
        await _slow.DisposeAsync();
        await _fast.DisposeAsync();
    }

    public static TheoryData<string> Grants => ["client_credentials", "refresh_token", "spent refresh_token", "old refresh_token", "forged refresh_token", "no refresh_token", "password", "nonsense", "no grant_type"];

    [Theory]
    [MemberData(nameof(Grants))]
    public async Task Both_ways_answer_alike(string grant)
    {
        foreach (var (name, authorization) in Authorizations)
        {
            foreach (var scope in Scopes)
                await AgreeAsync(grant, name, authorization, scope is null ? [] : [("scope", scope)]);
            foreach (var extra in Extras)
                await AgreeAsync(grant, name, authorization, [extra]);
        }
    }

    [Theory]
    [InlineData("?x=y", null, null)]
    [InlineData("?scope=data:read", null, null)]
    [InlineData("", "text/plain", null)]
    [InlineData("", "application/x-www-form-urlencoded; charset=UTF-8", null)]
    [InlineData("", "application/x-www-form-urlencoded; charset=latin1", null)]
    [InlineData("", null, "not a proof")]
    public async Task Both_ways_agree_on_queries_content_types_and_proofs(string query, string? contentType, string? proof)
    {
        foreach (var body in (string[])["grant_type=client_credentials", "grant_type=client_credentials&grant_type=client_credentials", "grant_type=%ZZ", "", new string('x', 70_000)])
            Assert.Equal(await AnswerOfAsync(_slow, body), await AnswerOfAsync(_fast, body));

        async Task<string> AnswerOfAsync(ServerUnderTest server, string body)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/connect/token" + query)
            {
                Content = new StringContent(body, MediaTypeHeaderValue.Parse(contentType ?? "application/x-www-form-urlencoded")),
                Headers = { Authorization = Calls.AsShop },
            };
            if (proof is not null)
                request.Headers.Add("DPoP", proof);
            return Describe(await server.SendAsync(request));
        }
    }

    [Fact]
    public async Task Plain_requests_take_the_fast_path_and_no_other()
    {
        var seen = 0;
        await using var server = await ServerUnderTest.StartAsync(builder => builder.Services.AddOpenIddict().AddServer(options =>
            options.AddEventHandler<HandleTokenRequestContext>(handler => handler.UseInlineHandler(_ => { seen++; return default; }).SetOrder(int.MinValue))));
        var signedIn = await server.SignsInAsync();
        Assert.Equal(1, seen);

        var refreshed = await server.RefreshesAsync(signedIn.RefreshToken);
        await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        Assert.Equal(1, seen);

        // Refused: the pipeline says why.
        (await server.RefreshesAsync(refreshed.RefreshToken, scope: "unknown")).Refuses("invalid_scope");
        Assert.Equal(2, seen);
    }

    [Fact]
    public async Task A_refusal_after_the_fast_path_spends_and_counts_nothing_twice()
    {
        await using var server = await ServerUnderTest.StartAsync("--Limits:Enabled=true", "--Limits:TokensPerAddress=3");
        for (var i = 0; i < 3; i++)
            (await server.RefreshesAsync("x")).Refuses("invalid_grant");
        Assert.Equal(429, (int)(await server.RefreshesAsync("x")).Status);
    }

    private async Task AgreeAsync(string grant, string client, AuthenticationHeaderValue? authorization, (string, string)[] rest)
    {
        var (fast, slow) = (await SendAsync(_fast), await SendAsync(_slow));
        Assert.True(fast == slow, $"{grant}, {client}, {string.Join(' ', rest)}:\n{fast}\n{slow}");

        async Task<string> SendAsync(ServerUnderTest server)
        {
            (string, string)[] form = grant switch
            {
                "no grant_type" => [],
                "client_credentials" or "password" or "nonsense" => [("grant_type", grant)],
                "no refresh_token" => [("grant_type", "refresh_token")],
                _ => [("grant_type", "refresh_token"), ("refresh_token", await TokenAsync())],
            };
            return Describe(await server.PostFormAsync("/connect/token", [.. form, .. rest], authorization));
        }

        // Each node spends a token of its own.
        async Task<string> TokenAsync()
        {
            if (grant == "forged refresh_token")
                return "forged";
            var token = (await _slow.SignsInAsync(scope: "openid data:read offline_access")).RefreshToken!;
            if (grant == "refresh_token")
                return token;
            var next = (await _slow.RefreshesAsync(token)).RefreshToken!;
            if (grant == "old refresh_token")
                await _slow.RefreshesAsync(next);
            return token;
        }
    }

    /// <summary>Status, headers and body without what differs each time: times, ids, signatures.</summary>
    private static string Describe(Answer answer)
    {
        var text = new StringBuilder(answer.Status.ToString());
        foreach (var (name, values) in answer.Message.Headers.Concat(answer.Message.Content.Headers).Where(header => header.Key != "Date"))
            text.Append('\n').Append(name).Append(": ").AppendJoin(", ", values);
        var body = JsonNode.Parse(answer.Body)!.AsObject();
        foreach (var name in (string[])["access_token", "id_token"])
        {
            if (body[name] is { } token)
                body[name] = PayloadOf(token.GetValue<string>());
        }
        if (body["refresh_token"] is not null)
            body["refresh_token"] = "set";
        return text.Append('\n').Append(body.ToJsonString()).ToString();
    }

    private static JsonObject PayloadOf(string jwt)
    {
        var payload = JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(jwt.Split('.')[1]))!.AsObject();
        // A second may pass between the two answers.
        payload["exp"] = payload["exp"]!.GetValue<long>() - payload["iat"]!.GetValue<long>();
        foreach (var random in (string[])["iat", "auth_time", "jti", "grant_id", "at_hash", "sid"])
        {
            if (payload.ContainsKey(random))
                payload[random] = "random";
        }
        return payload;
    }
}
