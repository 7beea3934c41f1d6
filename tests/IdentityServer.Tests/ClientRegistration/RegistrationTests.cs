using System.Net;
using System.Text.Json.Nodes;
using IdentityServer.Tests.ClientAuthentication;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.ClientRegistration;

/// <summary>Clients that register themselves, from registration to removal (RFC 7591, RFC 7592).</summary>
public sealed class RegistrationTests
{
    private const string InitialToken = "initial-access-token-1";

    [Fact, Rfc("7591", "3")]
    public async Task Registration_is_off_by_default()
    {
        await using var server = await ServerUnderTest.StartAsync();

        (await server.RegistersAsync()).Refuses(HttpStatusCode.NotFound, "invalid_request");
        Assert.False(await HasEndpointAsync(server));
        await using var open = await server.StartNodeAsync("--Registration:Mode=open");
        Assert.True(await HasEndpointAsync(open));
    }

    [Fact, Rfc("7592", "2")]
    public async Task A_page_of_an_allowed_origin_may_manage_its_client()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();

        foreach (var (path, method, isAllowed) in new[]
        {
            ($"{Registrar.Path}/{registered["client_id"]}", "PUT", true), ($"{Registrar.Path}/{registered["client_id"]}", "DELETE", true), (Registrar.Path, "DELETE", false), ("/connect/token", "PUT", false),
        })
        {
            var preflight = await server.SendAsync(new(HttpMethod.Options, path)
            {
                Headers = { { "Origin", "http://localhost:3000" }, { "Access-Control-Request-Method", method }, { "Access-Control-Request-Headers", "authorization,content-type" } },
            });
            Assert.Equal(isAllowed, preflight.Message.Headers.TryGetValues("Access-Control-Allow-Methods", out var methods) && string.Join(',', methods).Contains(method, StringComparison.Ordinal));
        }
        foreach (var request in new[] { Registrar.Request(HttpMethod.Get, registered, null), Registrar.Request(HttpMethod.Delete, registered, null) })
        {
            request.Headers.Add("Origin", "http://localhost:3000");
            Assert.True((await server.SendAsync(request)).Message.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Fact, Rfc("7591", "3.2.1")]
    public async Task A_new_client_works_at_once_on_this_node_and_soon_on_others()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        await using var node = await server.StartNodeAsync();

        var registered = await server.RegistersAsync();

        Assert.Equal(HttpStatusCode.OK, (await AuthenticatesAsync(server, registered)).Status);
        await Around.SoonAsync(async () => (await AuthenticatesAsync(node, registered)).Status == HttpStatusCode.OK, "the other node accepts the client");
        // Only its own secret works.
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.RevokesAsync("x", Calls.Basic(registered["client_id"]!, "wrong"))).Status);
        Assert.Equal(0, await server.ReadAsync<long>("SELECT count(*) FROM clients WHERE secret_hashes::text LIKE '%' || $1 || '%' OR registration_token_hash = convert_to($2, 'UTF8')", registered["client_secret"]!, registered["registration_access_token"]!));
    }

    [Fact, Rfc("7591", "2"), Rfc("7523", "2.2")]
    public async Task A_client_authenticates_with_the_method_that_it_registered()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var signer = new ClientSigner("?");
        var byKey = await server.RegistersAsync(new JsonObject { ["redirect_uris"] = new JsonArray(Registrar.Callback), ["token_endpoint_auth_method"] = "private_key_jwt", ["jwks"] = JsonNode.Parse(signer.Jwks()) }.ToJsonString());
        Assert.Null(byKey["client_secret"]);
        var id = byKey["client_id"]!;
        var assertion = signer.Assertion(server.Clock.GetUtcNow(), claims => (claims["iss"], claims["sub"]) = (id, id));
        Assert.Equal(HttpStatusCode.OK, (await server.PostFormAsync("/connect/revoke", [("token", "x"), ("client_assertion_type", ClientSigner.AssertionType), ("client_assertion", assertion)])).Status);

        var native = await server.RegistersAsync(new { redirect_uris = new[] { "http://127.0.0.1/cb" }, token_endpoint_auth_method = "none" });
        Assert.Null(native["client_secret"]);
        Assert.Null(native["client_secret_expires_at"]);
        Assert.Equal(HttpStatusCode.OK, (await server.PostFormAsync("/connect/revoke", [("token", "x"), ("client_id", native["client_id"]!)])).Status);
    }

    [Fact, Rfc("7591", "3"), Rfc("6750", "3.1")]
    public async Task Registration_can_require_an_initial_access_token()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=initial_token", $"--Registration:InitialAccessTokens=another-access-token-0,{InitialToken}");

        var without = await server.RegistersAsync();
        without.Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        Assert.Equal("Bearer realm=\"IdentityServer\"", without.Message.Headers.WwwAuthenticate.ToString());
        var wrong = await server.RegistersAsync(initialToken: InitialToken + "x");
        wrong.Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        Assert.Contains("error=\"invalid_token\"", wrong.Message.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Created, (await server.RegistersAsync(initialToken: InitialToken)).Status);
        // With an initial access token it may register for tokens of its own.
        var own = await server.RegistersAsync(new { grant_types = new[] { "client_credentials" } }, InitialToken);
        Assert.Equal((HttpStatusCode.Created, 0), (own.Status, own.Texts("response_types").Length));
        Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync(own["client_id"]!, own["client_secret"]!)).Status);
        (await server.RegistersAsync(new { grant_types = new[] { "client_credentials" }, token_endpoint_auth_method = "none" }, InitialToken)).Refuses("invalid_client_metadata");
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains(InitialToken, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--Registration:Mode=initial_token", "Registration:InitialAccessTokens is missing"), InlineData("--Registration:Mode=on", "Registration:Mode is \"on\""), InlineData("--Registration:MaxClients=0", "Registration:MaxClients is \"0\""), InlineData("--Registration:InitialAccessTokens=short", "Registration:InitialAccessTokens is \"(hidden)\""), InlineData("--Registration:Scopes=a\\b", "Registration:Scopes is")]
    public async Task An_invalid_setting_stops_the_start(string setting, string message) =>
        Assert.Contains(message, (await Assert.ThrowsAsync<StartupException>(() => ServerUnderTest.StartAsync(setting))).Message, StringComparison.Ordinal);

    [Fact, Rfc("7591", "2")]
    public async Task The_operator_decides_which_scopes_a_client_may_have()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open", "--Registration:Scopes=openid data:read nobody:serves");

        Assert.Equal("openid data:read", (await server.RegistersAsync())["scope"]);
        Assert.Equal("data:read", (await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, scope = "data:read" }))["scope"]);
        var without = await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, scope = "" });
        Assert.Null(without["scope"]);
        Assert.Null((await server.LooksAsync(without))["scope"]);
        // Sending back the registration response must not add scopes.
        Assert.Null((await server.ReplacesAsync(without, new { client_id = without["client_id"], redirect_uris = new[] { Registrar.Callback } }))["scope"]);
        Assert.Equal("openid", (await server.ReplacesAsync(without, new { client_id = without["client_id"], redirect_uris = new[] { Registrar.Callback }, scope = "openid" }))["scope"]);
        (await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, scope = "data:write" })).Refuses("invalid_client_metadata");
        (await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, scope = "nobody:serves" })).Refuses("invalid_client_metadata");
    }

    [Fact]
    public async Task Parallel_registrations_do_not_exceed_the_limit()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open", "--Registration:MaxClients=5");

        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => server.RegistersAsync()));

        Assert.Equal(5, answers.Count(answer => answer.Status == HttpStatusCode.Created));
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.Created), answer => answer.Refuses(HttpStatusCode.Forbidden, "access_denied"));
        Assert.Equal(5, await server.ReadAsync<long>("SELECT count(*) FROM clients WHERE registered_at IS NOT NULL"));
        // A deleted client makes room for another.
        await server.RemovesAsync(answers.First(answer => answer.Status == HttpStatusCode.Created));
        Assert.Equal(HttpStatusCode.Created, (await server.RegistersAsync()).Status);
    }

    [Fact]
    public async Task Registrations_are_limited_by_address()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open", "--Limits:Enabled=true", "--Limits:ClientRegistrationsPerAddress=3");
        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.Created, (await server.RegistersAsync()).Status);

        var refused = await server.RegistersAsync();

        refused.Refuses(HttpStatusCode.TooManyRequests, "temporarily_unavailable");
        Assert.NotNull(refused.Message.Headers.RetryAfter);
    }

    [Fact, Rfc("7592", "2.1")]
    public async Task A_client_can_read_its_registration()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();

        var answer = await server.LooksAsync(registered);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        answer.IsNeverStored();
        foreach (var name in new[] { "client_id", "client_name", "client_id_issued_at", "registration_access_token", "registration_client_uri", "redirect_uris", "scope" })
            Assert.Equal(registered[name], answer[name]);
        // Stored as a hash, so it can't be shown again.
        Assert.Null(answer["client_secret"]);
    }

    [Fact, Rfc("7592", "2"), Rfc("7592", "3")]
    public async Task Only_a_clients_own_token_gives_access_and_all_refusals_look_alike()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var (registered, other) = (await server.RegistersAsync(), await server.RegistersAsync());
        var gone = await server.RegistersAsync();
        Assert.Equal(HttpStatusCode.NoContent, (await server.RemovesAsync(gone)).Status);
        var wrong = await server.LooksAsync(registered, other["registration_access_token"]);

        wrong.Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        Assert.StartsWith("Bearer", wrong.Message.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.Equal(wrong.Visible(), (await server.LooksAsync(gone)).Visible());
        foreach (var unknown in new[] { "nobody", World.Shop, "a%2Fb", "é" })
            Assert.Equal(wrong.Visible(), (await server.SendAsync(new(HttpMethod.Get, $"{Registrar.Path}/{unknown}") { Headers = { Authorization = new("Bearer", registered["registration_access_token"]) } })).Visible());
        (await server.LooksAsync(registered, "")).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        (await server.RemovesAsync(registered, other["registration_access_token"])).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        (await server.ReplacesAsync(registered, Registrar.Good, other["registration_access_token"])).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        (await server.SendAsync(new(HttpMethod.Get, $"{Registrar.Path}/{registered["client_id"]}") { Headers = { Authorization = Calls.Basic(registered["client_id"]!, registered["client_secret"]!) } })).Refuses(HttpStatusCode.Unauthorized, "invalid_token");
        Assert.Equal(HttpStatusCode.OK, (await server.LooksAsync(registered)).Status);
    }

    [Fact, Rfc("7592", "2.2")]
    public async Task A_client_can_replace_its_metadata_but_not_its_id_or_secret()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, client_name = "Old", client_uri = "https://app.example", scope = "openid email" });
        var (id, secret) = (registered["client_id"]!, registered["client_secret"]!);

        (await server.ReplacesAsync(registered, new { redirect_uris = new[] { Registrar.Callback } })).Refuses("invalid_client_metadata");
        (await server.ReplacesAsync(registered, new { client_id = "other", redirect_uris = new[] { Registrar.Callback } })).Refuses("invalid_client_metadata");
        (await server.ReplacesAsync(registered, new { client_id = id, client_secret = "chosen", redirect_uris = new[] { Registrar.Callback } })).Refuses("invalid_client_metadata");
        (await server.ReplacesAsync(registered, new { client_id = id, redirect_uris = new[] { "http://evil.example" } })).Refuses("invalid_redirect_uri");
        Assert.Equal("Old", (await server.LooksAsync(registered))["client_name"]);

        var replaced = await server.ReplacesAsync(registered, new { client_id = id, client_secret = secret, redirect_uris = new[] { "https://app.example/new" }, client_name = "New", scope = "openid" });

        Assert.Equal(HttpStatusCode.OK, replaced.Status);
        Assert.Equal((id, "New", "openid", null, null), (replaced["client_id"], replaced["client_name"], replaced["scope"], replaced["client_uri"], replaced["client_secret"]));
        Assert.Equal(["https://app.example/new"], replaced.Texts("redirect_uris"));
        Assert.Equal(HttpStatusCode.OK, (await AuthenticatesAsync(server, registered)).Status);
        Assert.Equal(replaced["client_name"], (await server.LooksAsync(registered))["client_name"]);
    }

    [Fact, Rfc("7592", "2.2")]
    public async Task A_client_gets_a_secret_when_it_needs_one_and_loses_it_when_it_does_not()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();
        var id = registered["client_id"]!;

        var byKey = await server.ReplacesAsync(registered, new { client_id = id, redirect_uris = new[] { Registrar.Callback }, token_endpoint_auth_method = "none" });
        Assert.Equal((HttpStatusCode.OK, null), (byKey.Status, byKey["client_secret"]));
        Assert.Equal(HttpStatusCode.Unauthorized, (await AuthenticatesAsync(server, registered)).Status);
        var again = await server.ReplacesAsync(registered, new { client_id = id, redirect_uris = new[] { Registrar.Callback } });

        Assert.Equal("0", again["client_secret_expires_at"]);
        Assert.NotEqual(registered["client_secret"], again["client_secret"]);
        Assert.Equal(HttpStatusCode.OK, (await AuthenticatesAsync(server, again)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await AuthenticatesAsync(server, registered)).Status);
    }

    [Fact, Rfc("7592", "2.3")]
    public async Task A_removed_clients_grants_and_tokens_end()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();
        var (id, secret) = (registered["client_id"]!, registered["client_secret"]!);
        // A sign-in by password needs no browser, and its grant is like any other.
        await server.ExecuteAsync("UPDATE clients SET grant_types = '{password,refresh_token,client_credentials}', scopes = '{data:read,offline_access}' WHERE client_id = $1", id);
        await server.ConfiguresAsync(_ => { });
        var (own, alices, shops) = (await server.ActsAsync(id, secret), await server.SignsInAsync(client: Calls.Basic(id, secret)), await server.SignsInAsync());
        Assert.True(await server.IsActiveAsync(alices));

        Assert.Equal(HttpStatusCode.NoContent, (await server.RemovesAsync(registered)).Status);

        (await AuthenticatesAsync(server, registered)).Refuses(HttpStatusCode.Unauthorized, "invalid_client");
        await Around.SoonAsync(async () => !await server.IsActiveAsync(alices) && !await server.IsActiveAsync(own), "its tokens are dead");
        Assert.True(await server.IsActiveAsync(shops));
        Assert.Equal(0, await server.ReadAsync<long>("SELECT count(*) FROM grants WHERE client_id = $1 AND revoked_at IS NULL", id));
    }

    [Fact, Rfc("7592", "2.3")]
    public async Task Tokens_issued_while_a_removal_waits_end_too()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=initial_token", $"--Registration:InitialAccessTokens={InitialToken}");
        var registered = await server.RegistersAsync(new { grant_types = new[] { "client_credentials" } }, InitialToken);
        await using var other = new NpgsqlConnection(server.ConnectionString);
        await other.OpenAsync();
        await using (var held = await other.BeginTransactionAsync())
        {
            await using (var hold = new NpgsqlCommand("SELECT FROM clients WHERE client_id = $1 FOR UPDATE", other) { Parameters = { new() { Value = registered["client_id"]! } } })
                await hold.ExecuteNonQueryAsync();
            var removing = server.RemovesAsync(registered);
            await Around.SoonAsync(async () => await server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0, "the removal waits for the row");
            server.Clock.Advance(TimeSpan.FromSeconds(5));
            Assert.Equal(HttpStatusCode.OK, (await server.ActsAsync(registered["client_id"]!, registered["client_secret"]!)).Status);
            var given = server.Clock.GetUtcNow();

            await held.CommitAsync();
            Assert.Equal(HttpStatusCode.NoContent, (await removing).Status);
            Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM revocations WHERE subject = $1 AND at >= $2", registered["client_id"]!, given));
        }
    }

    [Fact, Rfc("7592", "2.2")]
    public async Task A_scope_that_a_client_drops_is_lost_to_its_existing_grants()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        string[] grants = ["authorization_code", "refresh_token"];
        var registered = await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, grant_types = grants, scope = "openid email offline_access" });
        var client = Calls.Basic(registered["client_id"]!, registered["client_secret"]!);
        var request = CodeFlow.WebRequest(("client_id", registered["client_id"]), ("redirect_uri", Registrar.Callback), ("scope", "openid email offline_access"));
        var tokens = await server.RedeemsAsync(await (await server.HasBrowserOfAsync()).GetsCodeAsync(request), Registrar.Callback, client: client);

        await server.ReplacesAsync(registered, new { client_id = registered["client_id"], redirect_uris = new[] { Registrar.Callback }, grant_types = grants, scope = "openid offline_access" });
        var second = await server.RefreshesAsync(tokens.RefreshToken, client);
        Assert.Equal((HttpStatusCode.OK, "openid offline_access"), (second.Status, second["scope"]));

        await server.ReplacesAsync(registered, new { client_id = registered["client_id"], redirect_uris = new[] { Registrar.Callback }, grant_types = grants, scope = "openid email" });
        (await server.RefreshesAsync(second.RefreshToken, client)).Refuses("invalid_grant");
    }

    [Fact, Rfc("7591", "5"), Rfc("OIDC Core", "3.1")]
    public async Task A_user_is_always_asked_for_consent_to_a_client_that_registered_itself()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync(new { redirect_uris = new[] { Registrar.Callback }, client_name = "Newcomer", grant_types = new[] { "authorization_code", "refresh_token" }, require_consent = false });
        var client = Calls.Basic(registered["client_id"]!, registered["client_secret"]!);
        // Not even an operator's mistake makes it first-party.
        await server.ExecuteAsync("UPDATE clients SET metadata = metadata || '{\"require_consent\":false}' WHERE client_id = $1", registered["client_id"]!);
        await server.ConfiguresAsync(_ => { });
        var alice = await server.HasBrowserOfAsync();
        var request = CodeFlow.WebRequest(("client_id", registered["client_id"]), ("redirect_uri", Registrar.Callback), ("scope", "openid offline_access"));

        var page = await alice.AuthorizesAsync(request);
        Assert.Contains("Newcomer", page.Body, StringComparison.Ordinal);
        var tokens = await server.RedeemsAsync(await alice.GetsCodeAsync(request), Registrar.Callback, client: client);

        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        Assert.Equal(registered["client_id"], Around.Claims(tokens["id_token"]).GetProperty("aud").GetString());
        var refreshed = await server.RefreshesAsync(tokens.RefreshToken, client);
        Assert.Equal(HttpStatusCode.OK, refreshed.Status);
        (await alice.AuthorizesAsync(CodeFlow.WebRequest(("client_id", registered["client_id"]), ("redirect_uri", "https://app.example/other")))).ShowsError();
        await server.RemovesAsync(registered);
        Assert.NotEqual(HttpStatusCode.OK, (await server.RefreshesAsync(refreshed.RefreshToken, client)).Status);
        (await alice.AuthorizesAsync(request)).ShowsError();
    }

    [Fact, Rfc("7592", "2.3")]
    public async Task Only_one_of_several_parallel_removals_succeeds()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => server.RemovesAsync(registered)));

        Assert.Single(answers, answer => answer.Status == HttpStatusCode.NoContent);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.NoContent), answer => answer.Refuses(HttpStatusCode.Unauthorized, "invalid_token"));
    }

    [Fact]
    public async Task A_manifest_that_prunes_keeps_clients_that_registered_themselves()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();

        await server.AppliesAsync("""{"clients":[{"client_id":"shop","client_secret":"shop-secret"},{"client_id":"resource-api","client_secret":"resource-api-secret"}]}""", prune: true);

        Assert.Equal(HttpStatusCode.OK, (await AuthenticatesAsync(server, registered)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.LooksAsync(registered)).Status);
    }

    [Fact]
    public async Task Every_change_is_audited_and_no_secret_is_logged()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();
        var id = registered["client_id"]!;
        await server.ReplacesAsync(registered, new { client_id = id, redirect_uris = new[] { Registrar.Callback } });
        await server.LooksAsync(registered);
        await server.RemovesAsync(registered);

        Assert.Equal("client_registered client_changed client_removed", await server.ReadAsync<string>("SELECT string_agg(event, ' ' ORDER BY id) FROM audit_events WHERE client_id = $1 AND remote_address = '127.0.0.1'", id));
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains(registered["client_secret"]!, StringComparison.Ordinal) || line.Contains(registered["registration_access_token"]!, StringComparison.Ordinal));
    }

    private static Task<Answer> AuthenticatesAsync(ServerUnderTest server, Answer registered) =>
        server.RevokesAsync("x", Calls.Basic(registered["client_id"]!, registered["client_secret"]!));

    private static async Task<bool> HasEndpointAsync(ServerUnderTest server) =>
        (await server.SendAsync(new(HttpMethod.Get, "/.well-known/openid-configuration")))["registration_endpoint"] == ClientSigner.Issuer + Registrar.Path;
}
