using System.Net;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Manifest;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>What docs/operations.md promises for a dump restored to another PostgreSQL.</summary>
public sealed class BackupTests : IAsyncLifetime
{
    private OtherMachine _machine = null!;
    private string _restored = null!;

    public async ValueTask InitializeAsync()
    {
        _machine = await OtherMachine.StartAsync();
        _restored = await _machine.HasDatabaseAsync("restored");
    }

    public async ValueTask DisposeAsync() => await _machine.DisposeAsync();

    [Fact]
    public async Task After_a_restore_live_tokens_work_and_dead_ones_stay_dead()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.RegistersAsync("maya");
        var live = await server.SignsInAsync();
        var spent = await server.SignsInAsync();
        var successor = await server.RefreshesAsync(spent.RefreshToken);
        var revoked = await server.SignsInAsync();
        await server.RevokesAsync(revoked.RefreshToken);
        var single = await server.SignsInAsync();
        await server.RevokesAsync(single.AccessToken);
        var left = await server.LogsInAsync("maya");
        await server.LogsOutAsync(left.Data("access_token"));
        var stolen = await server.SignsInAsync();
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        await server.RefreshesAsync((await server.RefreshesAsync(stolen.RefreshToken)).RefreshToken);
        server.Clock.Advance(TimeSpan.FromSeconds(60));
        await server.RefreshesAsync(stolen.RefreshToken);
        var disabled = await server.HasUserAsync();
        var before = await server.SignsInAsync(disabled);
        await server.AppliesAsync($$"""{"users":[{"username":"{{disabled}}","disabled":true}]}""");
        var changed = await server.HasUserAsync();
        await server.ChangesPasswordAsync((await server.LogsInAsync(changed, World.AlicePassword)).Data("access_token"), World.AlicePassword, "another long phrase");
        var machine = await server.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);
        var recent = await server.SignsInAsync();
        var rotated = await server.RefreshesAsync(recent.RefreshToken);

        using var backup = await Backup.OfAsync(server);
        await backup.RestoreToAsync(_restored);
        await using var restored = await ServerUnderTest.StartOnAsync(_restored);
        restored.Clock.Advance(server.Clock.GetUtcNow() - restored.Clock.GetUtcNow());

        // Alive: access tokens, the same keys, and refresh tokens, including the retry after a lost answer.
        foreach (var token in (string?[])[live.AccessToken, successor.AccessToken, machine.AccessToken, rotated.AccessToken])
            Assert.True(await restored.IsLiveAsync(token));
        Assert.Equal(await KeysAsync(server), await KeysAsync(restored));
        Assert.Equal(rotated.RefreshToken, (await restored.RefreshesAsync(recent.RefreshToken)).RefreshToken);
        var next = await restored.RefreshesAsync(live.RefreshToken);
        Assert.Equal(HttpStatusCode.OK, next.Status);
        Assert.Equal(HttpStatusCode.OK, (await restored.RefreshesAsync(next.RefreshToken)).Status);

        // Dead: what was revoked, signed out of, stolen, or of an account that was disabled.
        foreach (var answer in (Answer[])[revoked, stolen, before])
        {
            (await restored.RefreshesAsync(answer.RefreshToken)).Refuses("invalid_grant");
            Assert.False(await restored.IsLiveAsync(answer.AccessToken));
        }
        (await restored.RefreshesAtAccountApiAsync(left.Data("refresh_token"))).Refuses("invalid_grant");
        foreach (var token in (string?[])[single.AccessToken, left.Data("access_token")])
            Assert.False(await restored.IsLiveAsync(token));

        // Spent: its reuse is detected as usual, and ends its successor too.
        (await restored.RefreshesAsync(spent.RefreshToken)).Refuses("invalid_grant");
        (await restored.RefreshesAsync(successor.RefreshToken)).Refuses("invalid_grant");
        Assert.False(await restored.IsLiveAsync(successor.AccessToken));

        // Resource servers hear of all of it from a node of the new cluster, and of what ends from now on.
        var feed = await FeedAsync(restored);
        Assert.Contains(feed, entry => entry == Around.Claims(single.AccessToken).GetProperty("jti").GetString());
        Assert.Contains(feed, entry => entry == Around.Claims(revoked.AccessToken).GetProperty("grant_id").GetString());
        Assert.Contains(feed, entry => entry == Around.Claims(before.AccessToken).GetProperty("sub").GetString());
        await restored.RevokesAsync(machine.AccessToken);
        await Around.SoonAsync(async () => (await FeedAsync(restored)).Contains(Around.Claims(machine.AccessToken).GetProperty("jti").GetString()), "the feed goes on");

        // People and clients are unchanged.
        Assert.Equal(HttpStatusCode.OK, (await restored.LogsInAsync("maya")).Status);
        Assert.Equal(HttpStatusCode.OK, (await restored.SignsInAsync()).Status);
        Assert.Equal(HttpStatusCode.OK, (await restored.SignsInAsync(changed, "another long phrase")).Status);
        foreach (var (name, password) in ((string, string)[])[(World.Alice, "not her password"), (changed, World.AlicePassword), (disabled, World.AlicePassword)])
            (await restored.SignsInAsync(name, password)).Refuses("invalid_grant");
        Assert.Equal(HttpStatusCode.Created, (await restored.RegistersAsync(People.NewName())).Status);
    }

    /// <summary>The danger, and the command that ends it: a backup knows nothing of what was revoked after it.</summary>
    [Fact]
    public async Task An_old_backup_brings_dead_tokens_back_until_the_keys_are_replaced()
    {
        await using var server = await ServerUnderTest.StartAsync("--RefreshTokens:Leeway=0");
        var (signedOut, inUse, resetting) = (await server.SignsInAsync(), await server.SignsInAsync(), await server.HasUserAsync());
        await server.ExecuteAsync("INSERT INTO registrations (token_hash, protected_registration, expires_at) VALUES ('\\x00', '\\x00', now() + interval '1 hour')");
        await server.ExecuteAsync("INSERT INTO reset_tokens (user_id, token_hash, expires_at) SELECT id, '\\x00', now() + interval '1 hour' FROM users WHERE user_name = $1", resetting);
        using var backup = await Backup.OfAsync(server);
        await server.RevokesAsync(signedOut.RefreshToken);
        var current = await server.RefreshesAsync(inUse.RefreshToken);
        var later = await server.SignsInAsync();
        await backup.RestoreToAsync(_restored);

        await using (var asItWas = await ServerUnderTest.StartOnAsync(_restored, "--RefreshTokens:Leeway=0"))
        {
            Assert.True(await asItWas.IsLiveAsync(signedOut.AccessToken));
            // For a chain in use the wrong token works: the spent one, not the one that its owner holds.
            (await asItWas.RefreshesAsync(current.RefreshToken)).Refuses("invalid_grant");
            Assert.Equal(HttpStatusCode.OK, (await asItWas.RefreshesAsync(inUse.RefreshToken)).Status);
        }
        await using var replace = ReplaceKeys(_restored);
        Assert.Equal(0, await replace.ExitsAsync());
        Assert.Equal(["Replaced 3 keys: every token issued before is dead."], replace.Lines);

        await using var restored = await ServerUnderTest.StartOnAsync(_restored, "--RefreshTokens:Leeway=0");
        foreach (var answer in (Answer[])[signedOut, inUse, current, later])
        {
            (await restored.RefreshesAsync(answer.RefreshToken)).Refuses("invalid_grant");
            Assert.False(await restored.IsLiveAsync(answer.AccessToken));
        }
        Assert.Equal(0, await restored.ReadAsync<int>("SELECT (SELECT count(*) FROM reset_tokens) + (SELECT count(*) FROM registrations)"));
        var anew = await restored.SignsInAsync();
        Assert.True(await restored.IsLiveAsync(anew.AccessToken));
        Assert.Equal(HttpStatusCode.OK, (await restored.RefreshesAsync(anew.RefreshToken)).Status);
    }

    internal static ProgramProcess ReplaceKeys(string connectionString, params string[] settings) => Run("replace-keys", connectionString, settings);

    internal static ProgramProcess Run(string command, string connectionString, params string[] settings) => ProgramProcess.Start(
        Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
        [
            command,
            "--environment=Development",
            "--IdentityServer:Manifest=",
            $"--ConnectionStrings:IdentityServer={connectionString}",
            $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
            .. settings,
        ],
        workingDirectory: AppContext.BaseDirectory);

    internal static async Task<string> KeysAsync(ServerUnderTest server) =>
        (await server.SendAsync(new(HttpMethod.Get, "/.well-known/jwks"))).Body;

    private static async Task<List<string?>> FeedAsync(ServerUnderTest server)
    {
        var answer = await server.SendAsync(new(HttpMethod.Get, "/connect/revocations") { Headers = { Authorization = Calls.AsResourceApi } });
        return [.. answer.Json.GetProperty("revoked").EnumerateArray().Select(entry => entry.EnumerateObject().First().Value.GetString())];
    }
}
