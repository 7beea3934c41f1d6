using System.Net;
using System.Text;
using IdentityServer.Storage;
using IdentityServer.Tests.Hosting;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Protocol;

public sealed class ClientAuthenticationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private static readonly (string, string)[] ForItself = [("grant_type", "client_credentials")];

    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> Endpoints => ["/connect/token", "/connect/revoke", "/connect/introspect"];

    /// <summary>Each holds credentials that would be right if they were not malformed.</summary>
    public static TheoryData<string> MalformedBasic =>
    [
        "", "Basic", "Basic ", "Basic  ", "Basic !!!!", "Basic c2hvcDpzaG9wLXNlY3JldA", "Basic c2hvcDpzaG9wLXNlY3JldA=", "Basic c2hv cDpzaG9wLXNlY3JldA==",
        "Basic\tc2hvcDpzaG9wLXNlY3JldA==", "Basic c2hvcDpzaG9wLXNlY3JldA==,", "Basic c2hvcDpzaG9wLXNlY3JldA== x", "Basicc2hvcDpzaG9wLXNlY3JldA==",
        Encoded("shop"), Encoded(":shop-secret"), Encoded(":"), Encoded("shop%:shop-secret"), Encoded("shop%zz:shop-secret"), Encoded("shop:shop-secret%0"),
        Encoded("shop%00:shop-secret"), Encoded("shop\0:shop-secret"), Encoded("shop:%ff"), Encoded("shop:%c0%80"), Encoded("shop:%ed%a0%80"),
        "Basic " + Convert.ToBase64String([.. "shop:"u8, 0xff]), "Basic " + Convert.ToBase64String([.. "shop:"u8, 0xc3]),
        "Basic " + new string('A', 8196), "Basic " + new string('A', 20_000),
        "Bearer c2hvcDpzaG9wLXNlY3JldA==", "Digest username=\"shop\"", "Negotiate abc", "c2hvcDpzaG9wLXNlY3JldA==", "Basic=c2hvcDpzaG9wLXNlY3JldA==",
    ];

    [Fact, Rfc("6749", "2.3.1")]
    public async Task A_secret_is_accepted_by_Basic_and_in_the_body()
    {
        var basic = await _server.PostFormAsync("/connect/token", ForItself, Calls.AsShop);
        var post = await _server.PostFormAsync("/connect/token", [.. ForItself, ("client_id", World.Shop), ("client_secret", World.ShopSecret)]);

        Assert.Equal(HttpStatusCode.OK, basic.Status);
        Assert.Equal(HttpStatusCode.OK, post.Status);
    }

    [Fact, Rfc("6749", "B")]
    public async Task Reserved_and_non_ASCII_characters_are_form_encoded_in_Basic()
    {
        var encoded = await _server.PostFormAsync("/connect/token", ForItself, Calls.AsRival);
        var percent = await WithHeader("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{World.Rival}:{Uri.EscapeDataString(World.RivalSecret)}")));
        var lower = await WithHeader("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes("rival:rival+secret%3a+%25%2b%26%3d%c3%a9")));

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK], [encoded.Status, percent.Status, lower.Status]);
    }

    [Theory, Rfc("7617", "2")]
    [InlineData("basic c2hvcDpzaG9wLXNlY3JldA==")]
    [InlineData("BASIC c2hvcDpzaG9wLXNlY3JldA==")]
    [InlineData("Basic    c2hvcDpzaG9wLXNlY3JldA==")]
    [InlineData("Basic c2hvcDpzaG9wLXNlY3JldA==  ")]
    public async Task The_scheme_is_read_in_any_case_and_spacing(string header) =>
        Assert.Equal(HttpStatusCode.OK, (await WithHeader(header)).Status);

    [Theory, MemberData(nameof(MalformedBasic)), Rfc("6749", "5.2")]
    public async Task A_malformed_header_is_an_invalid_client(string header) =>
        (await WithHeader(header)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");

    [Fact]
    public async Task Two_headers_are_refused()
    {
        const string right = "Authorization: Basic c2hvcDpzaG9wLXNlY3JldA==";
        var twice = await _server.PostsRawAsync("/connect/token", $"{right}\n{right}", "grant_type=client_credentials");
        var smuggled = await _server.PostsRawAsync("/connect/token", "Authorization : Basic c2hvcDpzaG9wLXNlY3JldA==", "grant_type=client_credentials");

        Assert.Equal(401, RawHttp.StatusOf(twice));
        Assert.Equal(400, RawHttp.StatusOf(smuggled));
    }

    [Fact]
    public async Task An_oversized_header_is_431() =>
        Assert.Equal(431, RawHttp.StatusOf(await _server.PostsRawAsync("/connect/token", $"Authorization: Basic {new string('A', 200_000)}", "grant_type=client_credentials")));

    [Fact, Rfc("6749", "5.2")]
    public async Task A_wrong_secret_and_an_unknown_client_get_the_same_bytes()
    {
        var wrong = await _server.PostFormAsync("/connect/token", ForItself, Calls.Basic(World.Shop, "wrong"));
        wrong.Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.StartsWith("Basic ", wrong.Message.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);

        foreach (var (id, secret) in new[] { ("nobody", "wrong"), ("SHOP", World.ShopSecret), ("shop ", World.ShopSecret), (World.Shop, new string('x', 2000)), (World.Shop, World.ShopSecret + " "), (World.Spa, "wrong") })
        {
            Assert.Equal(wrong.Visible(), (await _server.PostFormAsync("/connect/token", ForItself, Calls.Basic(id, secret))).Visible());
            Assert.Equal(wrong.Visible(), (await _server.PostFormAsync("/connect/token", [.. ForItself, ("client_id", id), ("client_secret", secret)])).Visible());
        }
    }

    [Fact]
    public async Task A_missing_secret_does_not_reveal_whether_the_client_exists()
    {
        var known = await _server.PostFormAsync("/connect/token", [.. ForItself, ("client_id", World.Shop)]);
        var unknown = await _server.PostFormAsync("/connect/token", [.. ForItself, ("client_id", "nobody")]);
        var basic = await WithHeader(Encoded("shop:"));
        var empty = await _server.PostFormAsync("/connect/token", [.. ForItself, ("client_id", World.Shop), ("client_secret", "")]);

        known.Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal([known.Visible(), known.Visible(), known.Visible()], [unknown.Visible(), basic.Visible(), empty.Visible()]);
    }

    [Theory, MemberData(nameof(Endpoints)), Rfc("6749", "2.3")]
    public async Task Two_mechanisms_at_once_are_refused(string path)
    {
        foreach (var secret in new[] { World.ShopSecret, "wrong" })
        {
            (await _server.PostFormAsync(path, [.. ForItself, ("token", "x"), ("client_id", World.Shop), ("client_secret", secret)], Calls.AsShop)).Refuses("invalid_request");
            (await _server.PostFormAsync(path, [.. ForItself, ("token", "x"), ("client_secret", secret)], Calls.AsShop)).Refuses("invalid_request");
        }
    }

    [Fact]
    public async Task A_client_id_beside_Basic_must_be_the_same()
    {
        var same = await _server.PostFormAsync("/connect/token", [.. ForItself, ("client_id", World.Shop)], Calls.AsShop);
        var other = await _server.PostFormAsync("/connect/token", [.. ForItself, ("client_id", World.Rival)], Calls.AsShop);

        Assert.Equal(HttpStatusCode.OK, same.Status);
        other.Refuses("invalid_request");
    }

    [Theory, MemberData(nameof(Endpoints))]
    public async Task Nobody_is_served_without_authentication(string path)
    {
        (await _server.PostFormAsync(path, [.. ForItself, ("token", "x")])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync(path, [.. ForItself, ("token", "x"), ("client_id", World.Shop)])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Fact, Rfc("6749", "2.1")]
    public async Task A_public_client_is_identified_by_its_id_and_refused_with_a_secret()
    {
        (string, string)[] refresh = [("grant_type", "refresh_token"), ("refresh_token", "x")];
        (await _server.PostFormAsync("/connect/token", [.. refresh, ("client_id", World.Spa)])).Refuses("invalid_grant");
        (await _server.PostFormAsync("/connect/token", refresh, Calls.Basic(World.Spa, ""))).Refuses("invalid_grant");

        (await _server.PostFormAsync("/connect/token", [.. refresh, ("client_id", World.Spa), ("client_secret", "x")])).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        (await _server.PostFormAsync("/connect/token", refresh, Calls.Basic(World.Spa, "x"))).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
    }

    [Theory, MemberData(nameof(Endpoints)), Rfc("6749", "2.3.1")]
    public async Task Credentials_in_the_query_are_refused_even_beside_valid_ones(string path)
    {
        foreach (var query in new[] { "client_id=shop", "client_secret=shop-secret", "Client_Secret=shop-secret", "client%5Fsecret=x", "password=x", "refresh_token=x", "token=x", "grant_type=client_credentials", "client_secret" })
            (await _server.PostFormAsync($"{path}?{query}", [.. ForItself, ("token", "x")], Calls.AsShop)).Refuses("invalid_request");
    }

    [Fact]
    public async Task Any_of_several_secrets_works_and_a_disabled_client_looks_unknown()
    {
        await _server.ConfiguresAsync(db => db.Clients.AddRange(
            new ClientRow { ClientId = "two-secrets", AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("old"), _server.SecretHash("new")], GrantTypes = ["client_credentials"], Scopes = ["data:read"] },
            new ClientRow { ClientId = "off", AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash("right")], GrantTypes = ["client_credentials"], Disabled = true },
            new ClientRow { ClientId = "bare", AuthMethod = "client_secret_basic", GrantTypes = ["client_credentials"] }));

        foreach (var secret in new[] { "new", "old", "new" })
            Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync("/connect/token", ForItself, Calls.Basic("two-secrets", secret))).Status);
        var wrong = await _server.PostFormAsync("/connect/token", ForItself, Calls.Basic("two-secrets", "wrong"));
        wrong.Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        Assert.Equal(wrong.Visible(), (await _server.PostFormAsync("/connect/token", ForItself, Calls.Basic("off", "right"))).Visible());
        Assert.Equal(wrong.Visible(), (await _server.PostFormAsync("/connect/token", ForItself, Calls.Basic("bare", "x"))).Visible());
    }

    private static string Encoded(string credentials) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));

    private Task<Answer> WithHeader(string header)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/connect/token") { Content = new FormUrlEncodedContent([KeyValuePair.Create("grant_type", "client_credentials")]) };
        Assert.True(request.Headers.TryAddWithoutValidation("Authorization", header));
        return _server.SendAsync(request);
    }
}
