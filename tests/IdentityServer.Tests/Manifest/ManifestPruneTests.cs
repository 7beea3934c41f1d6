using System.Net;
using IdentityServer.Tests.Hosting;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace IdentityServer.Tests.Manifest;

public sealed class ManifestPruneTests
{
    private const string ShopAlone =
        """
        {"clients":[{"client_id":"shop","client_name":"Shop","client_secret":"shop-secret","grant_types":["password","refresh_token","client_credentials"],"scope":"offline_access"}],
         "resources":[],"roles":[],"users":[]}
        """;

    [Fact]
    public async Task Nothing_is_removed_unless_it_is_asked_for()
    {
        await using var server = await ServerUnderTest.StartAsync();

        Assert.Empty((await server.AppliesAsync("""{"clients":[],"resources":[],"roles":[],"users":[]}""")).Lines);

        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync()).Status);
    }

    [Fact]
    public async Task Prune_removes_what_the_manifest_does_not_name_but_never_an_account()
    {
        await using var server = await ServerUnderTest.StartAsync();

        var changes = await server.AppliesAsync(ShopAlone, prune: true);

        Assert.Equal(
            ["changed client shop (scope)", "removed client native", "removed client portal", "removed client resource-api", "removed client rival", "removed client spa", "removed client web", "removed resource http://localhost:5010", "removed role admin"],
            changes.Lines.Order(StringComparer.Ordinal));
        Assert.Equal("invalid_client", (await server.ActsAsync(World.Rival, World.RivalSecret)).Error);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync(scope: "offline_access")).Status);
        Assert.Equal(0, await server.AskAsync(db => db.UserRoles.CountAsync()));
        Assert.Empty((await server.AppliesAsync(ShopAlone, prune: true)).Lines);
    }

    [Fact]
    public async Task Prune_ignores_a_section_that_the_manifest_does_not_have()
    {
        await using var server = await ServerUnderTest.StartAsync();

        var changes = await server.AppliesAsync("""{"roles":[]}""", prune: true);

        Assert.Equal(["removed role admin"], changes.Lines);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync()).Status);
    }

    [Fact]
    public async Task Grants_and_tokens_of_a_removed_client_end()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var own = await server.ActsAsync(World.Rival, World.RivalSecret);
        var alices = await server.SignsInAsync(client: Calls.AsRival);

        await server.AppliesAsync(
            """
            {"clients":[{"client_id":"shop","client_secret":"shop-secret"},{"client_id":"resource-api","client_secret":"resource-api-secret"}]}
            """, prune: true);

        Assert.False(await server.IsActiveAsync(own));
        Assert.False(await server.IsActiveAsync(alices));
    }
}
