using System.Net;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary><c>IdentityServer replace-keys</c>: for the day when a key got out.</summary>
public sealed class ReplaceKeysTests
{
    [Fact]
    public async Task Running_nodes_follow_and_accept_nothing_that_was_issued_before()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var node = await server.StartNodeAsync();
        var (before, keys) = (await server.SignsInAsync(), await BackupTests.KeysAsync(server));
        var machine = await node.PostFormAsync("/connect/token", [("grant_type", "client_credentials")], Calls.AsShop);

        await using var replace = BackupTests.ReplaceKeys(server.ConnectionString);
        Assert.Equal(0, await replace.ExitsAsync());

        foreach (var each in (ServerUnderTest[])[server, node])
        {
            await Around.SoonAsync(async () => await BackupTests.KeysAsync(each) != keys, "the new keys are published");
            (await each.RefreshesAsync(before.RefreshToken)).Refuses("invalid_grant");
            foreach (var token in (string?[])[before.AccessToken, machine.AccessToken])
                Assert.Equal("False", (await each.IntrospectsAsync(token))["active"]);
        }
        Assert.Equal(await BackupTests.KeysAsync(server), await BackupTests.KeysAsync(node));
        var after = await server.SignsInAsync();
        Assert.Equal(HttpStatusCode.OK, (await node.RefreshesAsync(after.RefreshToken)).Status);
        Assert.Equal("True", (await node.IntrospectsAsync(after.AccessToken))["active"]);
        // The ring is the same as before: no node had to be restarted.
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM data_protection_keys"));
    }

    [Fact]
    public async Task A_lost_certificate_is_replaced_together_with_the_keys()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var before = await server.SignsInAsync();
        using var certificate = new Certificate();

        await using var replace = BackupTests.ReplaceKeys(server.ConnectionString, certificate.Setting);
        Assert.Equal(0, await replace.ExitsAsync());

        await using var node = await server.StartNodeAsync(certificate.Setting);
        (await node.RefreshesAsync(before.RefreshToken)).Refuses("invalid_grant");
        Assert.Equal(HttpStatusCode.OK, (await node.RefreshesAsync((await node.SignsInAsync()).RefreshToken)).Status);
        Assert.Equal(3, await server.ReadAsync<int>("SELECT count(*) FROM keys"));
        // A node that still has the lost certificate knows that it is useless, and adds no key under it to the ring.
        await Around.SoonAsync(
            () => Task.FromResult(server.Log.Lines.Any(line => line.Contains("Clients.Pulse 1001 ") && line.Contains("names another certificate"))),
            "the node of before says what it can't open");
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM data_protection_keys"));
    }

    [Fact]
    public void The_command_takes_no_further_arguments()
    {
        Assert.Equal(CommandLine.ReplaceKeys, CommandLine.Parse(["replace-keys"]).Command);
        Assert.ThrowsAny<Exception>(() => CommandLine.Parse(["replace-keys", "--prune"]));
        Assert.ThrowsAny<Exception>(() => CommandLine.Parse(["replace-keys", "ES256"]));
        Assert.ThrowsAny<Exception>(() => CommandLine.Parse(["rewrap-keys", "--prune"]));
    }
}
