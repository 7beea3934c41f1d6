using System.Net;
using Testing;
using Xunit;

namespace EndToEnd;

/// <summary>The main job: one IdentityServer, two nodes of the ResourceApi, everything by HTTP between processes. Each test has users of its own.</summary>
public sealed class StoryTests(StoryTests.Three programs) : IClassFixture<StoryTests.Three>
{
    private readonly ProgramProcess _server = programs.Server;
    private readonly ProgramProcess _first = programs.First;
    private readonly ProgramProcess _second = programs.Second;

    public sealed class Three : IAsyncLifetime
    {
        private readonly Stack<IAsyncDisposable> _started = new();

        internal ProgramProcess Server { get; private set; } = null!;
        internal ProgramProcess First { get; private set; } = null!;
        internal ProgramProcess Second { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            try
            {
                var identity = Keep(await TestDatabase.CreateEmptyAsync());
                var data = Keep(await TestDatabase.CreateEmptyAsync());
                Server = Keep(Programs.StartIdentityServer(identity.ConnectionString, ProgramProcess.FreePort()));
                await Server.AnswersAsync();
                // Both at once on an empty database.
                First = Keep(Programs.StartResourceApi(data.ConnectionString, Server.Address));
                Second = Keep(Programs.StartResourceApi(data.ConnectionString, Server.Address));
                await First.AnswersAsync();
                await Second.AnswersAsync();
            }
            catch
            {
                // xunit disposes only of what was initialised.
                await DisposeAsync();
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            while (_started.TryPop(out var last))
                await last.DisposeAsync();
        }

        private T Keep<T>(T started) where T : IAsyncDisposable
        {
            _started.Push(started);
            return started;
        }
    }

    [Fact]
    public async Task A_user_registers_signs_in_stores_reads_refreshes_and_signs_out()
    {
        var registered = await _server.SendAsync(HttpMethod.Post, "/api/register", new { username = "bob", email = "bob@example.com", password = "a long enough phrase", full_name = "Bob", gender = "male", age = 40 });
        Assert.Equal(HttpStatusCode.Created, registered.Status);
        var fresh = registered.Json.GetProperty("data").GetProperty("access_token").GetString()!;
        Assert.Equal(HttpStatusCode.Created, (await _first.SendAsync(HttpMethod.Post, "/api/data", new { key = "a/b", value = "one" }, fresh)).Status);

        var signedIn = await _server.SendAsync(HttpMethod.Post, "/login", new { username = "bob@example.com", password = "a long enough phrase" });
        Assert.Equal(HttpStatusCode.OK, signedIn.Status);
        var data = signedIn.Json.GetProperty("data");
        var (access, refresh) = (data.GetProperty("access_token").GetString()!, data.GetProperty("refresh_token").GetString()!);

        var read = await _second.SendAsync(HttpMethod.Get, "/api/data/a%2Fb", bearer: access);
        Assert.Equal("one", read.Json.GetProperty("data").GetProperty("value").GetString());

        var refreshed = await _server.PostFormAsync("/connect/token", ("grant_type", "refresh_token"), ("client_id", "account-api"), ("refresh_token", refresh));
        Assert.Equal(HttpStatusCode.OK, refreshed.Status);
        var newer = refreshed.Json.GetProperty("access_token").GetString()!;

        Assert.Equal(HttpStatusCode.OK, (await _server.SendAsync(HttpMethod.Post, "/logout", bearer: newer)).Status);
        await IsRefusedAsync(newer);
        await IsRefusedAsync(access);
        var dead = await _server.PostFormAsync("/connect/token", ("grant_type", "refresh_token"), ("client_id", "account-api"), ("refresh_token", refreshed.Json.GetProperty("refresh_token").GetString()!));
        Assert.Equal("invalid_grant", dead.Json.GetProperty("error").GetString());
        // Another sign-in of the same user is not touched.
        Assert.Equal(HttpStatusCode.OK, (await _first.SendAsync(HttpMethod.Get, "/api/data", bearer: fresh)).Status);
    }

    [Fact, Rfc("7009")]
    public async Task A_revoked_token_is_refused_within_a_second_on_every_node()
    {
        var fastest = await Wait.FastestAsync(async () =>
        {
            var token = (await _server.PostFormAsync("/connect/token", ("grant_type", "client_credentials"), ("client_id", "postman"), ("client_secret", "postman-development-secret"))).Json.GetProperty("access_token").GetString()!;
            Assert.Equal(HttpStatusCode.OK, (await _first.SendAsync(HttpMethod.Get, "/api/data", bearer: token)).Status);
            Assert.Equal(HttpStatusCode.OK, (await _second.SendAsync(HttpMethod.Get, "/api/data", bearer: token)).Status);

            Assert.Equal(HttpStatusCode.OK, (await _server.PostFormAsync("/connect/revoke", ("token", token), ("client_id", "postman"), ("client_secret", "postman-development-secret"))).Status);

            await IsRefusedAsync(token);
        });

        Assert.InRange(fastest, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_reset_password_ends_what_was_issued_before_and_a_sign_in_right_after_works_on_every_node()
    {
        // Hers alone: the folder still holds the messages of earlier runs.
        var carol = $"carol{Guid.NewGuid():N}@example.com";
        await _server.SendAsync(HttpMethod.Post, "/register", new { email = carol, password = "a long enough phrase" });
        var before = (await _server.SendAsync(HttpMethod.Post, "/login", new { email = carol, password = "a long enough phrase" })).Json.GetProperty("data").GetProperty("access_token").GetString()!;
        var current = await _server.SendAsync(HttpMethod.Post, "/auth/reset_password", new { email = carol });
        Assert.Equal(HttpStatusCode.Accepted, current.Status);
        var token = await Mail.ResetTokenForAsync(carol);

        var reset = await _server.SendAsync(HttpMethod.Post, "/auth/reset_password", new { email = carol, reset_token = token, new_password = "another long phrase" });
        Assert.Equal(HttpStatusCode.OK, reset.Status);
        var after = (await _server.SendAsync(HttpMethod.Post, "/login", new { email = carol, password = "another long phrase" })).Json.GetProperty("data").GetProperty("access_token").GetString()!;

        await IsRefusedAsync(before);
        foreach (var node in (ProgramProcess[])[_first, _second])
            Assert.Equal(HttpStatusCode.OK, (await node.SendAsync(HttpMethod.Get, "/api/data", bearer: after)).Status);
    }

    [Fact]
    public async Task A_second_server_node_on_an_empty_database_agrees_with_the_first()
    {
        await using var empty = await TestDatabase.CreateEmptyAsync();
        var port = ProgramProcess.FreePort();
        await using var one = Programs.StartIdentityServer(empty.ConnectionString, port);
        await using var two = Programs.StartIdentityServer(empty.ConnectionString, ProgramProcess.FreePort(), $"--IdentityServer:Issuer=http://127.0.0.1:{port}");
        await one.AnswersAsync();
        await two.AnswersAsync();

        var first = await one.SendAsync(HttpMethod.Get, "/.well-known/jwks");
        var second = await two.SendAsync(HttpMethod.Get, "/.well-known/jwks");

        Assert.Equal(first.Json.GetRawText(), second.Json.GetRawText());
        Assert.Equal(2, first.Json.GetProperty("keys").GetArrayLength());
    }

    private async Task IsRefusedAsync(string token)
    {
        foreach (var node in (ProgramProcess[])[_first, _second])
            await Wait.UntilAsync(async () => (await node.SendAsync(HttpMethod.Get, "/api/data", bearer: token)).Status == HttpStatusCode.Unauthorized, "the token is refused");
    }
}
