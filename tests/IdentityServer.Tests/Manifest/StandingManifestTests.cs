using System.Net;
using IdentityServer.Tests.ClientRegistration;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

/// <summary>The manifest applied at each start keeps later changes, unless it is authoritative.</summary>
public sealed class StandingManifestTests
{
    private const string Secret = "the kiosk's first secret";

    private const string Standing =
        """
        {"clients":[{"client_id":"kiosk","client_secret":"the kiosk's first secret","client_name":"Kiosk","grant_types":["client_credentials"],"scope":"data:read data:write","contacts":["kiosk@example.com"]}],
         "resources":[{"identifier":"http://kiosk.test","name":"Kiosk data","scopes":["kiosk:read"]}],
         "roles":[{"name":"clerk","permissions":["orders:read"]}],
         "users":[{"username":"bob","email":"bob@example.com","password":"bob's first password","full_name":"Bob","roles":["clerk"],"profile":{"nickname":"Bobby"}}]}
        """;

    private static readonly string[] Changes =
    [
        "UPDATE users SET disabled_at = now(), full_name = 'Robert', profile = '{\"nickname\":\"Rob\"}' WHERE user_name = 'bob'",
        "DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE user_name = 'bob')",
        "UPDATE clients SET disabled = true, scopes = '{data:read}', metadata = '{}' WHERE client_id = 'kiosk'",
        "UPDATE resources SET name = 'Renamed' WHERE identifier = 'http://kiosk.test'",
        "UPDATE roles SET permissions = '{}' WHERE name = 'clerk'",
    ];

    [Fact]
    public async Task A_disabled_account_stays_disabled_and_a_re_enabled_one_stays_enabled()
    {
        using var file = new ManifestFile("""{"users":[{"username":"bob","password":"bob's first password"},{"username":"eve","password":"eve's first password","disabled":true}]}""");
        await using var server = await StartAsync(file);
        await ExecuteAsync(server, "UPDATE users SET disabled_at = CASE user_name WHEN 'bob' THEN now() END WHERE user_name IN ('bob', 'eve')");

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal("invalid_grant", (await node.SignsInAsync("bob", "bob's first password")).Error);
        Assert.Equal(HttpStatusCode.OK, (await node.SignsInAsync("eve", "eve's first password")).Status);
        Assert.Contains(node.Log.Lines, line => line.Contains("leaves user eve as changed by hand (disabled)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_start_keeps_later_changes_and_reports_them()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        var fresh = await StateAsync(server);
        foreach (var change in Changes)
            await ExecuteAsync(server, change);
        var changed = await StateAsync(server);

        await using var node = await StartNodeAsync(server, file);

        Assert.NotEqual(fresh, changed);
        Assert.Equal(changed, await StateAsync(server));
        Assert.Equal(
            [
                "client kiosk as changed by hand (scope, contacts)", "resource http://kiosk.test as changed by hand (name)",
                "role clerk as changed by hand (permissions)", "user bob as changed by hand (full_name, profile, roles)",
            ],
            Left(node).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(node.Log.Lines, line => line.Contains(Secret, StringComparison.Ordinal) || line.Contains("Robert", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_change_by_apply_survives_the_next_start()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        await server.AppliesAsync("""{"clients":[{"client_id":"kiosk","client_secret":"the kiosk's other secret","scope":"data:read","disabled":true}],"users":[{"username":"bob","full_name":"Robert"}]}""");
        var applied = await StateAsync(server);

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal(applied, await StateAsync(server));
        Assert.Equal("invalid_client", (await node.ActsAsync("kiosk", Secret)).Error);
        Assert.Equal(["client kiosk as changed by hand (client_secret, scope)", "user bob as changed by hand (full_name)"], Left(node).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_change_by_apply_before_the_first_start_survives_too()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync("""{"clients":[{"client_id":"shop","scope":"data:read"}],"users":[{"username":"alice","disabled":true}]}""");
        using var file = new ManifestFile("""{"clients":[{"client_id":"shop","scope":"data:read data:write offline_access","client_name":"The shop"}],"users":[{"username":"alice","disabled":false}]}""");

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal("The shop|data:read", await server.AskAsync(db => db.Clients.Where(client => client.ClientId == "shop").Select(client => client.Name + "|" + string.Join(' ', client.Scopes)).SingleAsync()));
        Assert.Equal("invalid_grant", (await node.SignsInAsync()).Error);
    }

    [Fact]
    public async Task A_start_does_not_enable_an_account_or_client_that_it_finds_disabled()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await ExecuteAsync(server, "UPDATE users SET disabled_at = now(); UPDATE clients SET disabled = true WHERE client_id = 'spa'");
        using var file = new ManifestFile("""{"clients":[{"client_id":"spa","disabled":false}],"users":[{"username":"alice","disabled":false}]}""");

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal(2, await server.ReadAsync<int>("SELECT (SELECT count(*) FROM users WHERE disabled_at IS NOT NULL) + (SELECT count(*) FROM clients WHERE disabled)"));
        Assert.Equal(["client spa as changed by hand (disabled)", "user alice as changed by hand (disabled)"], Left(node).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_edit_of_the_file_is_applied_and_nothing_else()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        foreach (var change in Changes)
            await ExecuteAsync(server, change);
        file.Write("manifest.json", Standing.Replace("\"Kiosk\"", "\"New kiosk\"", StringComparison.Ordinal).Replace("\"Bob\"", "\"Bob B.\"", StringComparison.Ordinal).Replace("orders:read", "orders:write", StringComparison.Ordinal));

        await using var node = await StartNodeAsync(server, file);

        Assert.Contains(node.Log.Lines, line => line.Contains("is applied: changed role clerk (permissions); changed client kiosk (client_name); changed user bob (full_name)", StringComparison.Ordinal));
        Assert.Equal("invalid_grant", (await node.SignsInAsync("bob", "bob's first password")).Error);
        Assert.Equal("invalid_client", (await node.ActsAsync("kiosk", Secret)).Error);
    }

    [Fact]
    public async Task A_change_made_after_applying_the_edited_file_survives()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        file.Write("manifest.json", Standing.Replace("data:read data:write", "data:write", StringComparison.Ordinal));
        await server.AppliesAsync(file);
        await server.AppliesAsync("""{"clients":[{"client_id":"kiosk","client_name":"Shut"}]}""");
        await ExecuteAsync(server, "UPDATE clients SET scopes = '{}' WHERE client_id = 'kiosk'");

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal(["client kiosk as changed by hand (client_name, scope)"], Left(node));
    }

    [Fact]
    public async Task Removed_entries_are_not_recreated()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        await ExecuteAsync(server, "DELETE FROM users WHERE user_name = 'bob'; DELETE FROM clients WHERE client_id = 'kiosk'; DELETE FROM roles WHERE name = 'clerk'; DELETE FROM resources WHERE identifier = 'http://kiosk.test'");

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal("invalid_grant", (await node.SignsInAsync("bob", "bob's first password")).Error);
        Assert.Equal("invalid_client", (await node.ActsAsync("kiosk", Secret)).Error);
        Assert.Equal(["client kiosk", "resource http://kiosk.test", "role clerk", "user bob"], node.Log.Lines.Where(line => line.Contains(" removed", StringComparison.Ordinal)).Select(line => Between(line, " leaves ", " removed")).Order(StringComparer.Ordinal));
        await server.AppliesAsync(file);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync("bob", "bob's first password")).Status);
    }

    [Fact]
    public async Task An_edit_is_applied_even_if_apply_set_the_same_value_before_an_earlier_edit()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        await server.AppliesAsync("""{"clients":[{"client_id":"kiosk","client_secret":"the kiosk's other secret","client_name":"Other"}]}""");

        foreach (var (name, secret) in new[] { ("Third", "the kiosk's third secret"), ("Other", "the kiosk's other secret") })
        {
            file.Write("manifest.json", Standing.Replace("\"Kiosk\"", $"\"{name}\"", StringComparison.Ordinal).Replace(Secret, secret, StringComparison.Ordinal));
            await using var node = await StartNodeAsync(server, file);

            Assert.Contains(node.Log.Lines, line => line.Contains("is applied: changed client kiosk (client_name, client_secret)", StringComparison.Ordinal));
            Assert.Equal(HttpStatusCode.OK, (await node.ActsAsync("kiosk", secret)).Status);
        }
    }

    [Fact]
    public async Task A_secret_that_was_replaced_survives_even_if_the_files_own_was_back_in_between()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        const string other = """{"clients":[{"client_id":"kiosk","client_secret":"the kiosk's other secret"}]}""";
        foreach (var json in new[] { other, other.Replace("the kiosk's other secret", Secret, StringComparison.Ordinal), other })
            await server.AppliesAsync(json);

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal(["client kiosk as changed by hand (client_secret)"], Left(node));
        Assert.Equal(HttpStatusCode.OK, (await node.ActsAsync("kiosk", "the kiosk's other secret")).Status);
    }

    [Fact]
    public async Task An_address_that_now_belongs_to_another_user_does_not_stop_the_start()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);
        await server.AppliesAsync("""{"users":[{"username":"bob","email":"robert@example.com"}]}""");
        await server.AppliesAsync("""{"users":[{"username":"carol","email":"bob@example.com","password":"a password of carol"}]}""");

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal(["user bob as changed by hand (email)"], Left(node));
    }

    [Fact, Rfc("7592", "2.2")]
    public async Task A_clients_change_to_its_own_registration_survives()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var registered = await server.RegistersAsync();
        var id = registered["client_id"]!;
        using var file = new ManifestFile($$"""{"clients":[{"client_id":"{{id}}","client_name":"By the file","contacts":["file@example.com"]}]}""");
        await using (var first = await StartNodeAsync(server, file))
            Assert.Contains(first.Log.Lines, line => line.Contains("(client_name, contacts)", StringComparison.Ordinal));
        await server.ReplacesAsync(registered, new { client_id = id, redirect_uris = new[] { Registrar.Callback }, client_name = "By itself" });

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal([$"client {id} as changed by hand (client_name, contacts)"], Left(node));
    }

    [Fact]
    public async Task An_authoritative_manifest_overwrites_later_changes_at_each_start()
    {
        var authoritative = "{\"authoritative\":true," + Standing.TrimStart()[1..].Replace("\"full_name\":\"Bob\"", "\"full_name\":\"Bob\",\"disabled\":false", StringComparison.Ordinal);
        using var file = new ManifestFile(authoritative);
        await using var server = await StartAsync(file);
        var fresh = await StateAsync(server);
        foreach (var change in Changes)
            await ExecuteAsync(server, change);

        await using var node = await StartNodeAsync(server, file);

        Assert.Empty(Left(node));
        // What is left out is left alone here too: nothing says whether the client is enabled.
        Assert.Equal(fresh.Replace("|False|", "|True|", StringComparison.Ordinal), await StateAsync(server));
        Assert.Equal(HttpStatusCode.OK, (await node.SignsInAsync("bob", "bob's first password")).Status);
    }

    [Theory]
    [InlineData("{\"nickname\":\"Bobby\"}", "null")]
    [InlineData("{\"nickname\":\"Bobby\",\"address\":{\"country\":\"France\"}}", "{\"nickname\":\"Bobby\",\"address\":null}")]
    [InlineData("null", "{\"nickname\":\"Bobby\"}")]
    public async Task A_profile_changed_to_another_value_and_back_is_applied_each_time(string profile, string between)
    {
        string Of(string text) => $$"""{"users":[{"username":"bob","password":"bob's first password","profile":{{text}}}]}""";
        using var file = new ManifestFile(Of(profile));
        await using var server = await StartAsync(file);
        await server.AppliesAsync(file);
        var first = await ProfileAsync(server);

        file.Write("manifest.json", Of(between));
        await using (await StartNodeAsync(server, file))
            Assert.NotEqual(first, await ProfileAsync(server));
        file.Write("manifest.json", Of(profile));
        await using (await StartNodeAsync(server, file))
            Assert.Equal(first, await ProfileAsync(server));
    }

    [Fact]
    public async Task A_member_that_is_left_out_and_put_back_counts_as_changed()
    {
        const string off = """{"users":[{"username":"bob","password":"bob's first password","disabled":true}]}""";
        using var file = new ManifestFile(off);
        await using var server = await StartAsync(file);
        file.Write("manifest.json", off.Replace(",\"disabled\":true", "", StringComparison.Ordinal));
        await using (var node = await StartNodeAsync(server, file))
            Assert.Equal("invalid_grant", (await node.SignsInAsync("bob", "bob's first password")).Error);
        await ExecuteAsync(server, "UPDATE users SET disabled_at = NULL WHERE user_name = 'bob'");

        file.Write("manifest.json", off);
        await using var last = await StartNodeAsync(server, file);

        Assert.Equal("invalid_grant", (await last.SignsInAsync("bob", "bob's first password")).Error);
    }

    [Fact]
    public async Task A_start_enables_only_what_the_file_itself_disabled()
    {
        const string open = """{"users":[{"username":"bob","password":"bob's first password","disabled":false},{"username":"eve","password":"eve's first password","disabled":true}]}""";
        using var file = new ManifestFile(open);
        await using var server = await StartAsync(file);
        await ExecuteAsync(server, "UPDATE users SET disabled_at = now() WHERE user_name = 'bob'");
        file.Write("manifest.json", open.Replace("false", "null", StringComparison.Ordinal).Replace("true", "null", StringComparison.Ordinal));

        await using var node = await StartNodeAsync(server, file);

        Assert.Equal("invalid_grant", (await node.SignsInAsync("bob", "bob's first password")).Error);
        Assert.Equal(HttpStatusCode.OK, (await node.SignsInAsync("eve", "eve's first password")).Status);
    }

    [Theory]
    [InlineData("\"yes\"")]
    [InlineData("null")]
    public async Task Authoritative_is_true_or_false(string value)
    {
        await using var server = await ServerUnderTest.StartAsync();

        var refused = await Assert.ThrowsAsync<StartupException>(() => server.AppliesAsync($$"""{"authoritative":{{value}}}"""));

        Assert.Contains("$.authoritative ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nodes_that_start_at_once_apply_the_file_once()
    {
        using var file = new ManifestFile(Standing);
        await using var database = await TestDatabase.CreateEmptyAsync();
        file.Write("manifest.json", Standing.Replace("data:read data:write", "kiosk:read", StringComparison.Ordinal));

        var nodes = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => ServerUnderTest.StartOnAsync(database.ConnectionString, $"--IdentityServer:Manifest={file.Path}")));

        try
        {
            Assert.Single(nodes, node => node.Log.Lines.Any(line => line.Contains("created client kiosk", StringComparison.Ordinal)));
            Assert.Equal(2, nodes.Count(node => node.Log.Lines.Any(line => line.Contains("is applied: nothing to change", StringComparison.Ordinal))));
            Assert.All(nodes, node => Assert.Empty(Left(node)));
        }
        finally
        {
            foreach (var node in nodes)
                await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task What_is_stored_about_the_file_contains_no_personal_name_and_no_secret()
    {
        using var file = new ManifestFile(Standing);
        await using var server = await StartAsync(file);

        var remembered = await server.ReadAsync<string>("SELECT string_agg(e::text, ' ') FROM manifest_entries e");

        Assert.Contains("kiosk", remembered, StringComparison.Ordinal);
        Assert.All([Secret, "bob", "Bob"], text => Assert.DoesNotContain(text, remembered, StringComparison.Ordinal));
    }

    private static Task<ServerUnderTest> StartAsync(ManifestFile file) => ServerUnderTest.StartAsync($"--IdentityServer:Manifest={file.Path}");

    private static Task<ServerUnderTest> StartNodeAsync(ServerUnderTest server, ManifestFile file) => server.StartNodeAsync($"--IdentityServer:Manifest={file.Path}");

    private static Task<string> ProfileAsync(ServerUnderTest server) => server.ReadAsync<string>("SELECT profile::text FROM users WHERE user_name = 'bob'");

    private static IEnumerable<string> Left(ServerUnderTest node) =>
        node.Log.Lines.Where(line => line.Contains(" leaves ", StringComparison.Ordinal)).Select(line => Between(line, " leaves ", ";"));

    private static string Between(string line, string begin, string end) => line.Split(begin)[1].Split(end)[0];

    private static async Task ExecuteAsync(ServerUnderTest server, string sql)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = Around.Command(connection, sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Everything that a manifest may change of what the file names.</summary>
    private static Task<string> StateAsync(ServerUnderTest server) => server.ReadAsync<string>(
        """
        SELECT (SELECT concat_ws('|', name, grant_types, scopes, CASE WHEN disabled THEN 'True' ELSE 'False' END, metadata) FROM clients WHERE client_id = 'kiosk')
          || (SELECT concat_ws('|', name, scopes) FROM resources WHERE identifier = 'http://kiosk.test')
          || (SELECT concat_ws('|', permissions) FROM roles WHERE name = 'clerk')
          || (SELECT concat_ws('|', full_name, email, profile, disabled_at IS NULL, (SELECT count(*) FROM user_roles WHERE user_id = id)) FROM users WHERE user_name = 'bob')
        """);
}
