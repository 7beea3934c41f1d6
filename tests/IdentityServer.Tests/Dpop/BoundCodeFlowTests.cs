using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Dpop;

/// <summary>The code flow with a DPoP key or for a resource; and userinfo, which asks for the proof.</summary>
public sealed class BoundCodeFlowTests : IAsyncLifetime
{
    private const string Mail = "https://mail.example";
    private const string UserInfo = "http://localhost:5000/connect/userinfo";

    private readonly DpopKey _key = new();
    private readonly DpopKey _other = new();
    private ServerUnderTest _server = null!;
    private Browser _alice = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ServerUnderTest.StartAsync();
        await _server.ConfiguresAsync(db =>
        {
            db.Resources.Add(new() { Identifier = Mail, Scopes = ["mail:send"] });
            foreach (var client in db.Clients.Where(client => client.ClientId == World.Portal || client.ClientId == World.Native))
            {
                client.Scopes = [.. client.Scopes, "mail:send"];
                client.Metadata = """{"require_pkce":false,"require_consent":false}""";
            }
        });
        _alice = await _server.HasBrowserOfAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        _other.Dispose();
        await _server.DisposeAsync();
    }

    private static (string, string)[] Redeem(string code, string callback, params (string, string)[] more) =>
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", callback), ("code_verifier", CodeFlow.Verifier), .. more];

    private static (string, string)[] AsPortal => [("client_id", World.Portal), ("client_secret", World.PortalSecret)];

    private static (string, string)[] AsNative => [("client_id", World.Native)];

    private static (string, string)[] Refresh(Answer answer) => [("grant_type", "refresh_token"), ("refresh_token", answer.RefreshToken!)];

    private static string? KeyOf(Answer answer) =>
        Around.Claims(answer.AccessToken).TryGetProperty("cnf", out var confirmation) ? confirmation.GetProperty("jkt").GetString() : null;

    private static string Audience(Answer answer) => Around.Claims(answer.AccessToken).GetProperty("aud").GetRawText();

    private async Task<Answer> AsksAsync(string scheme, string? token, params string[] proofs)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/connect/userinfo");
        request.Headers.TryAddWithoutValidation("Authorization", $"{scheme} {token}");
        foreach (var proof in proofs)
            request.Headers.TryAddWithoutValidation("DPoP", proof);
        return await _server.SendAsync(request);
    }

    private string Proof(string? token, string? nonce, DpopKey? key = null, string address = UserInfo) =>
        (key ?? _key).Proof("GET", address, _server.Clock.GetUtcNow(), nonce, token);

    private static void Refuses(Answer answer, string error)
    {
        Assert.Equal((HttpStatusCode.Unauthorized, error), (answer.Status, answer.Error));
        var challenge = answer.Message.Headers.WwwAuthenticate.ToString();
        Assert.StartsWith("DPoP ", challenge, StringComparison.Ordinal);
        Assert.Contains($"error=\"{error}\"", challenge, StringComparison.Ordinal);
        Assert.Contains("algs=\"ES256 PS256 RS256\"", challenge, StringComparison.Ordinal);
    }

    [Fact, Rfc("9449", "5")]
    public async Task A_native_clients_code_gives_a_bound_token_and_a_bound_refresh_token()
    {
        var code = await _alice.GetsCodeAsync(CodeFlow.NativeRequest(("scope", "openid offline_access")));
        var signedIn = await _server.ProvesAsync(_key, Redeem(code, World.NativeCallback, AsNative), null);

        Assert.Equal((HttpStatusCode.OK, "DPoP", _key.Thumbprint), (signedIn.Status, signedIn["token_type"], KeyOf(signedIn)));
        Assert.NotNull(signedIn["id_token"]);
        (await _server.PostFormAsync("/connect/token", [.. Refresh(signedIn), .. AsNative])).Refuses("invalid_request");
        (await _server.ProvesAsync(_other, [.. Refresh(signedIn), .. AsNative], null)).Refuses("invalid_grant");
        Assert.Equal("DPoP", (await _server.ProvesAsync(_key, [.. Refresh(signedIn), .. AsNative], null))["token_type"]);
    }

    [Fact, Rfc("9449", "10")]
    public async Task A_code_bound_to_a_key_can_be_redeemed_only_with_that_key()
    {
        var code = await _alice.GetsCodeAsync(CodeFlow.PortalRequest(("dpop_jkt", _key.Thumbprint), ("scope", "openid offline_access")));

        (await _server.PostFormAsync("/connect/token", Redeem(code, World.PortalCallback, AsPortal))).Refuses("invalid_grant");
        (await _server.ProvesAsync(_other, Redeem(code, World.PortalCallback, AsPortal), null)).Refuses("invalid_grant");
        var signedIn = await _server.ProvesAsync(_key, Redeem(code, World.PortalCallback, AsPortal), null);
        Assert.Equal(_key.Thumbprint, KeyOf(signedIn));
        // A confidential client's refresh token is bound to the client.
        Assert.Equal(_other.Thumbprint, KeyOf(await _server.ProvesAsync(_other, [.. Refresh(signedIn), .. AsPortal], null)));
    }

    [Fact, Rfc("9449", "7.1"), Rfc("9449", "8")]
    public async Task Userinfo_accepts_a_bound_token_only_with_its_proof()
    {
        var token = (await _server.ProvesAsync(_key, Redeem(await _alice.GetsCodeAsync(CodeFlow.PortalRequest()), World.PortalCallback, AsPortal), null)).AccessToken!;

        var asked = await AsksAsync("DPoP", token, Proof(token, null));
        Refuses(asked, "use_dpop_nonce");
        var nonce = asked.DpopNonce();
        var proof = Proof(token, nonce);
        Assert.Equal("alice", (await AsksAsync("DPoP", token, proof))["preferred_username"]);

        Refuses(await AsksAsync("DPoP", token, proof), "invalid_dpop_proof");
        Refuses(await AsksAsync("DPoP", token), "invalid_dpop_proof");
        Refuses(await AsksAsync("DPoP", token, Proof(token, nonce), Proof(token, nonce)), "invalid_dpop_proof");
        Refuses(await AsksAsync("DPoP", token, Proof(token, nonce, _other)), "invalid_token");
        Refuses(await AsksAsync("DPoP", token, Proof(null, nonce)), "invalid_dpop_proof");
        Refuses(await AsksAsync("DPoP", token, Proof("another", nonce)), "invalid_dpop_proof");
        Refuses(await AsksAsync("DPoP", token, Proof(token, nonce, address: DpopCalls.TokenAddress)), "invalid_dpop_proof");
        Refuses(await AsksAsync("Bearer", token), "invalid_token");
        Refuses(await AsksAsync("Bearer", token, Proof(token, nonce)), "invalid_token");
        Refuses(await AsksAsync("DPoP", "garbage", Proof("garbage", nonce)), "invalid_token");
    }

    [Fact, Rfc("9449", "7.2")]
    public async Task Userinfo_refuses_a_bearer_token_under_the_DPoP_scheme()
    {
        var token = (await _alice.SignsInAtAsync(_server, CodeFlow.PortalRequest())).AccessToken;

        Refuses(await AsksAsync("DPoP", token, Proof(token, await _server.NonceAsync())), "invalid_token");
        Assert.Equal(HttpStatusCode.OK, (await AsksAsync("Bearer", token)).Status);
    }

    [Fact, Rfc("8707", "2.1"), Rfc("8707", "2.2")]
    public async Task A_code_for_one_resource_gives_tokens_only_for_it_and_survives_a_request_for_another()
    {
        var request = CodeFlow.PortalRequest(("scope", "openid offline_access data:read mail:send"), ("resource", Mail));
        var code = await _alice.GetsCodeAsync(request);

        (await _server.PostFormAsync("/connect/token", Redeem(code, World.PortalCallback, [.. AsPortal, ("resource", World.Resource)]))).Refuses("invalid_target");
        var signedIn = await _server.PostFormAsync("/connect/token", Redeem(code, World.PortalCallback, AsPortal));
        Assert.Equal(($"\"{Mail}\"", "openid offline_access mail:send"), (Audience(signedIn), signedIn["scope"]));

        (await _server.PostFormAsync("/connect/token", [.. Refresh(signedIn), .. AsPortal, ("resource", World.Resource)])).Refuses("invalid_target");
        var refreshed = await _server.PostFormAsync("/connect/token", [.. Refresh(signedIn), .. AsPortal]);
        Assert.Equal($"\"{Mail}\"", Audience(refreshed));
    }

    [Fact, Rfc("8707", "2.2")]
    public async Task A_code_for_several_resources_can_be_redeemed_for_a_token_for_one()
    {
        var code = await _alice.GetsCodeAsync(CodeFlow.PortalRequest(("scope", "openid offline_access data:read mail:send")));

        var narrowed = await _server.PostFormAsync("/connect/token", Redeem(code, World.PortalCallback, [.. AsPortal, ("resource", World.Resource)]));
        Assert.Equal(($"\"{World.Resource}\"", "openid offline_access data:read"), (Audience(narrowed), narrowed["scope"]));

        var whole = await _server.PostFormAsync("/connect/token", [.. Refresh(narrowed), .. AsPortal]);
        Assert.Equal(($"[\"{World.Resource}\",\"{Mail}\"]", "openid offline_access data:read mail:send"), (Audience(whole), whole["scope"]));
    }
}
