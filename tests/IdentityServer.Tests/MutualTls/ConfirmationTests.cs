using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using IdentityServer.Keys;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Testing;
using Xunit;

namespace IdentityServer.Tests.MutualTls;

/// <summary>A token that says it is bound to anything is not a bearer token (RFC 7800 §3.1).</summary>
public sealed class ConfirmationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly ServerUnderTest _server = shared.Server;

    public static TheoryData<string> Confirmations =>
    [
        """{"x5t#S256":"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}""", """{"x5t#S256":1}""", """{"x5t#S256":null}""", """{"kid":"x"}""", """{"jwk":{"kty":"EC"}}""", "{}", "\"x\"", "null", "[]",
        """{"jkt":1}""",
    ];

    [Theory, Rfc("7800", "3.1"), MemberData(nameof(Confirmations))]
    public async Task A_token_bound_to_something_that_cannot_be_proved_here_is_refused(string confirmation)
    {
        var token = await TokenAsync(confirmation);

        (await UserInfoAsync(token)).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        Assert.Equal(HttpStatusCode.Unauthorized, (await _server.PostJsonAsync("/logout", "{}", token)).Status);
        (await ExchangesAsync(token)).Refuses(HttpStatusCode.BadRequest, "invalid_request");
    }

    [Fact]
    public async Task The_same_token_bound_to_nothing_is_accepted()
    {
        var token = await TokenAsync(null);

        Assert.Equal(HttpStatusCode.OK, (await UserInfoAsync(token)).Status);
        Assert.Equal(HttpStatusCode.OK, (await ExchangesAsync(token)).Status);
        Assert.True((await _server.PostJsonAsync("/logout", "{}", token)).Message.IsSuccessStatusCode);
    }

    /// <summary>A token of the server's own, as another version of it might issue.</summary>
    private async Task<string> TokenAsync(string? confirmation)
    {
        const string client = "all-grants";
        if (await _server.ReadAsync<long>("SELECT count(*) FROM clients WHERE client_id = $1", client) == 0)
        {
            await _server.ConfiguresAsync(db => db.Clients.Add(new()
            {
                ClientId = client, AuthMethod = "client_secret_basic", SecretHashes = [_server.SecretHash(client)], Scopes = World.SignInScopes,
                GrantTypes = ["password", "urn:ietf:params:oauth:grant-type:token-exchange"],
            }));
        }
        var signedIn = await _server.SignsInAsync(await _server.HasUserAsync(), client: Calls.Basic(client, client), scope: "openid data:read");
        var claims = JsonNode.Parse(Around.Claims(signedIn.AccessToken).GetRawText())!.AsObject();
        if (confirmation is not null)
            claims["cnf"] = JsonNode.Parse(confirmation);
        return _server.Services.GetRequiredService<CurrentKeys>().Value.AccessTokenSigner("ES256").Sign(Encoding.UTF8.GetBytes(claims.ToJsonString()));
    }

    private Task<Answer> UserInfoAsync(string token) =>
        _server.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/connect/userinfo") { Headers = { Authorization = new("Bearer", token) } });

    private Task<Answer> ExchangesAsync(string token) => _server.PostFormAsync(
        "/connect/token",
        [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", token), ("scope", "data:read"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ],
        Calls.Basic("all-grants", "all-grants"));
}
