using System.Net;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using IdentityServer.Protocol.DeviceAuthorization;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Testing;
using Xunit;

namespace IdentityServer.Tests.DeviceAuthorization;

/// <summary>How a device gets its codes.</summary>
public sealed partial class DeviceAuthorizationTests(DeviceServer shared) : IClassFixture<DeviceServer>
{
    private const string Endpoint = "/connect/device_authorization";

    private readonly ServerUnderTest _server = shared.Server;

    [Fact, Rfc("8628", "3.2"), Rfc("8628", "3.3.1")]
    public async Task A_device_gets_its_codes_and_the_verification_address()
    {
        var answer = await _server.AsksAsync("openid offline_access");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        answer.IsNeverStored();
        Assert.Equal("application/json", answer.Message.Content.Headers.ContentType?.ToString());
        Assert.Matches(UserCode(), answer["user_code"]);
        Assert.Equal("http://localhost:5000/device", answer["verification_uri"]);
        Assert.Equal($"http://localhost:5000/device?user_code={answer["user_code"]}", answer["verification_uri_complete"]);
        Assert.Equal(("600", "5"), (answer["expires_in"], answer["interval"]));
        Assert.Equal(76, answer["device_code"]!.Length);
        Assert.Equal(["device_code", "expires_in", "interval", "user_code", "verification_uri", "verification_uri_complete"], answer.Json.EnumerateObject().Select(member => member.Name).Order());
    }

    [Fact, Rfc("8628", "3.1"), Rfc("6749", "2.3")]
    public async Task The_client_authenticates_as_at_the_token_endpoint()
    {
        Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync(Endpoint, [], Calls.Basic(Devices.Tv, Devices.TvSecret))).Status);
        Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync(Endpoint, [("client_id", Devices.Tv), ("client_secret", Devices.TvSecret)])).Status);

        (await _server.PostFormAsync(Endpoint, [])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync(Endpoint, [("client_id", "nobody")])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync(Endpoint, [("client_id", Devices.Tv)])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync(Endpoint, [], Calls.Basic(Devices.Tv, "wrong"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync(Endpoint, [], Calls.AsShop)).Refuses("unauthorized_client");
    }

    [Fact, Rfc("8628", "3.1"), Rfc("6749", "3.3")]
    public async Task A_device_can_ask_only_for_what_its_client_is_allowed()
    {
        (await _server.AsksAsync("openid users:manage")).Refuses("invalid_scope");
        (await _server.AsksAsync("\"")).Refuses("invalid_scope");
        (await _server.PostFormAsync(Endpoint, [("client_id", World.Native), ("scope", "openid"), ("scope", "email")])).Refuses("invalid_request");
        (await _server.SendAsync(new HttpRequestMessage(HttpMethod.Get, Endpoint))).Refuses(HttpStatusCode.MethodNotAllowed, "invalid_request");
        (await _server.SendAsync(new HttpRequestMessage(HttpMethod.Post, Endpoint) { Content = new StringContent("{}") })).Refuses("invalid_request");
    }

    [Fact, Rfc("8628", "4")]
    public async Task The_metadata_names_the_endpoint_and_the_grant()
    {
        var document = (await _server.SendAsync(new(HttpMethod.Get, "/.well-known/oauth-authorization-server"))).Json;

        Assert.Equal("http://localhost:5000" + Endpoint, document.GetProperty("device_authorization_endpoint").GetString());
        Assert.Contains(Devices.GrantType, document.GetProperty("grant_types_supported").EnumerateArray().Select(grant => grant.GetString()));
    }

    [Fact, Rfc("8628", "6.1")]
    public void A_user_code_reads_the_same_however_it_is_typed()
    {
        foreach (var typed in new[] { "BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "BCDF–GHJK", "b.c.d.f-g/h j_k" })
            Assert.Equal("BCDFGHJK", UserCodes.Read(typed));
        foreach (var typed in new[] { "", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF-GHJ0", "ＢCDF-GHJK", new string('B', 1000) })
            Assert.Null(UserCodes.Read(typed));
    }

    [Fact, Rfc("8628", "5.1")]
    public void User_codes_are_drawn_evenly_from_all_letters()
    {
        var codes = new UserCodes(RandomNumberGenerator.Create());
        var drawn = Enumerable.Range(0, 5_000).Select(_ => codes.Create()).ToList();
        var counts = string.Concat(drawn).GroupBy(letter => letter).ToDictionary(group => group.Key, group => group.Count());

        Assert.All(drawn, code => Assert.Equal(code, UserCodes.Read(code)));
        Assert.Equal(20, counts.Count);
        // 40,000 letters: 2,000 of each, give or take 44; a byte's remainder would give some 1,875 and others 2,031… or 0.
        Assert.All(counts.Values, count => Assert.InRange(count, 1_700, 2_300));
    }

    [Fact]
    public async Task A_user_code_that_is_taken_is_drawn_again()
    {
        // The first two devices would get the same letters.
        var chance = new Letters(new string('B', 8) + new string('B', 8) + new string('C', 8));
        await using var server = await ServerUnderTest.StartAsync(builder => builder.Services.Replace(ServiceDescriptor.Singleton(_ => new UserCodes(chance))));

        Assert.Equal("BBBB-BBBB", (await server.AsksAsync())["user_code"]);
        Assert.Equal("CCCC-CCCC", (await server.AsksAsync())["user_code"]);
        // From here on it is always the same: better no code than somebody else's.
        (await server.AsksAsync()).Refuses(HttpStatusCode.ServiceUnavailable, "temporarily_unavailable");
    }

    [Fact, Rfc("8628", "5.1")]
    public async Task Device_codes_are_limited_by_address()
    {
        await using var server = await Devices.StartAsync("--Limits:Enabled=true", "--Limits:SignInsPerAddress=3", "--Limits:Window=3600");
        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.OK, (await server.AsksAsync()).Status);

        (await server.AsksAsync()).Refuses(HttpStatusCode.TooManyRequests, "temporarily_unavailable");
    }

    [Fact]
    public async Task The_lifetime_is_a_setting()
    {
        await using var server = await Devices.StartAsync("--DeviceCodes:Lifetime=60");
        var device = await server.AsksAsync();
        Assert.Equal("60", device["expires_in"]);

        server.Clock.Advance(TimeSpan.FromSeconds(61));

        (await server.PollsAsync(device["device_code"])).Refuses("expired_token");
    }

    [GeneratedRegex("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$")]
    private static partial Regex UserCode();

    /// <summary>Gives these letters, and then the last for ever.</summary>
    private sealed class Letters(string letters) : RandomNumberGenerator
    {
        private const string Alphabet = "BCDFGHJKLMNPQRSTVWXZ";
        private int _next;

        public override void GetBytes(byte[] data) => GetBytes(data.AsSpan());

        public override void GetBytes(Span<byte> data)
        {
            foreach (ref var one in data)
                one = (byte)Alphabet.IndexOf(letters[Math.Min(_next++, letters.Length - 1)], StringComparison.Ordinal);
        }
    }
}
