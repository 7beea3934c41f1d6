using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

/// <summary>The command <c>plan</c> shows what <c>apply</c> would change.</summary>
public sealed class ManifestPlanTests
{
    private const string Changes =
        """
        {"clients":[{"client_id":"kiosk","client_secret":"the secret of the kiosk","grant_types":["client_credentials"]},
           {"client_id":"shop","client_secret":"the new secret of the shop","client_name":"Zoë's shop","scope":"data:read","contacts":["ops@shop.example"]},{"client_id":"spa","disabled":true}],
         "resources":[{"identifier":"http://localhost:5010","name":"Data"}],
         "roles":[{"name":"clerk","permissions":["orders:read"]},{"name":"admin","permissions":null}],
         "users":[{"username":"alice","full_name":null,"age":31,"roles":["clerk"],"profile":{"nickname":"Al"}},{"username":"bob","password":"bob's first password"}]}
        """;

    [Fact]
    public async Task A_plan_shows_old_and_new_values_but_no_secret_and_changes_nothing()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync("""{"roles":[{"name":"admin","permissions":["users:manage"]}],"users":[{"username":"alice","email":"alice@example.com","full_name":"Alice","age":30,"roles":["admin"]}]}""");
        using var file = new ManifestFile(Changes);
        var before = await StateAsync(server);

        await using var plan = Operator.Run(server.ConnectionString, "Production", "plan", file.Path);
        Assert.Equal(0, await plan.ExitsAsync());

        Assert.Equal(
            [
                "~ resource http://localhost:5010", """    name: "Data store" -> "Data" """.TrimEnd(),
                "+ role clerk",
                "~ role admin", """    permissions: ["users:manage"] -> []""",
                "+ client kiosk",
                "~ client shop", """    client_name: "Shop" -> "Zoë's shop" """.TrimEnd(), "    client_secret",
                """    scope: ["data:read","data:write","offline_access"] -> ["data:read"]""", """    contacts: null -> ["ops@shop.example"]""",
                "~ client spa", "    disabled: false -> true",
                "~ user alice", """    full_name: "Alice" -> null""", "    age: 30 -> 31", """    profile: {} -> {"nickname":"Al"}""", """    roles: ["admin"] -> ["clerk"]""",
                "+ user bob",
                $"Plan of {file.Path}: 8 changes.",
            ],
            plan.Lines);
        Assert.Equal(before, await StateAsync(server));

        await server.AppliesAsync(file);
        await using var again = Operator.Run(server.ConnectionString, "Production", "plan", file.Path);
        Assert.Equal(0, await again.ExitsAsync());
        Assert.Equal([$"Plan of {file.Path}: nothing to change."], again.Lines);
    }

    [Fact]
    public async Task A_plan_with_prune_shows_what_would_be_removed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var file = new ManifestFile("""{"roles":[]}""");
        await server.AppliesAsync("""{"roles":[{"name":"clerk"}]}""");

        await using var plan = Operator.Run(server.ConnectionString, "Production", "plan", file.Path, "--prune");

        Assert.Equal(0, await plan.ExitsAsync());
        Assert.Contains("- role clerk", plan.Lines);
        Assert.True(await server.ReadAsync<bool>("SELECT EXISTS (SELECT FROM roles WHERE name = 'clerk')"));
    }

    [Fact]
    public async Task A_plan_does_not_create_the_schema()
    {
        await using var database = await TestDatabase.CreateEmptyAsync();
        using var file = new ManifestFile(Changes);

        await using var plan = Operator.Run(database.ConnectionString, "Production", "plan", file.Path);

        Assert.Equal(1, await plan.ExitsAsync());
        Assert.Equal("The database behind ConnectionStrings:IdentityServer does not have the schema of this version: run the command migrate first.", Assert.Single(plan.Errors));
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var count = source.CreateCommand("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
        Assert.Equal(0L, await count.ExecuteScalarAsync());
    }

    [Theory]
    [InlineData("""{"clients":[{"client_id":"kiosk","client_secret":"short"}]}""", "$.clients[0].client_secret has 5 characters; it must have at least 16.")]
    [InlineData("""{"clients":[{"client_id":"shop","scope":"unknown"}]}""", "$.clients[0].scope holds unknown, which no resource serves.")]
    public async Task A_plan_refuses_what_apply_would_refuse(string json, string why)
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var file = new ManifestFile(json);

        await using var plan = Operator.Run(server.ConnectionString, "Production", "plan", file.Path);

        Assert.Equal(1, await plan.ExitsAsync());
        Assert.Equal($"The manifest {file.Path} is not applied: {why}", Assert.Single(plan.Errors));
    }

    private static Task<string> StateAsync(ServerUnderTest server) => server.ReadAsync<string>(
        """
        SELECT (SELECT string_agg(u::text, '|' ORDER BY id) FROM users u) || (SELECT string_agg(c::text, '|' ORDER BY client_id) FROM clients c)
          || (SELECT string_agg(r::text, '|' ORDER BY id) FROM roles r) || (SELECT string_agg(m::text, '|' ORDER BY kind, name) FROM manifest_entries m)
          || (SELECT version FROM configuration) || (SELECT count(*) FROM audit_events)
        """);
}
