using System.Net;
using System.Text;
using System.Text.Json;
using IdentityServer.Tests.Hosting;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Manifest;

public sealed class ManifestUserTests
{
    private const string Bob =
        """{"roles":[{"name":"clerk","permissions":["orders:read"]}],"users":[{"username":"Bob","email":"bob@example.com","password":"bob's first password","full_name":"Bob","age":42,"gender":"male","roles":["CLERK"]}]}""";

    [Fact, Rfc("9068", "2.2.3.1")]
    public async Task A_user_that_is_missing_is_created_and_signs_in_with_its_roles()
    {
        await using var server = await ServerUnderTest.StartAsync();

        var changes = await server.AppliesAsync(Bob);
        var tokens = await server.SignsInAsync("bob@example.com", "bob's first password");
        var claims = ClaimsOf(tokens);
        var row = await server.AskAsync(db => db.Users.SingleAsync(user => user.NormalizedUserName == "bob"));

        Assert.Equal(["created role clerk", "created user Bob"], changes.Lines);
        Assert.Equal("""["clerk"]""", claims.GetProperty("roles").GetRawText());
        Assert.Equal("""["orders:read"]""", claims.GetProperty("permissions").GetRawText());
        Assert.Equal(("Bob", 42, "male", true), (row.FullName, row.Age, row.Gender, row.EmailConfirmed));
        Assert.Empty((await server.AppliesAsync(Bob)).Lines);
    }

    [Fact]
    public async Task A_password_is_set_when_the_user_is_created_and_never_overwritten()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Bob);

        var changes = await server.AppliesAsync(Bob.Replace("bob's first password", "another password", StringComparison.Ordinal));

        Assert.Empty(changes.Lines);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync("bob", "bob's first password")).Status);
        Assert.Equal("invalid_grant", (await server.SignsInAsync("bob", "another password")).Error);
    }

    [Fact]
    public async Task Passwords_come_from_the_environment_and_from_files_and_may_be_removed_later()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var file = new ManifestFile("""{"users":[{"username":"carol","password":"$CAROL"},{"username":"dave","password_file":"dave.txt"}]}""");
        file.Write("dave.txt", "dave's password\n");
        await server.AppliesAsync(file, environment: new() { ["CAROL"] = "carol's password" });

        file.Write("dave.txt", "");
        Assert.Empty((await server.AppliesAsync(file)).Lines);

        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync("carol", "carol's password")).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync("dave", "dave's password")).Status);
    }

    [Fact]
    public async Task What_is_left_out_stays_and_what_differs_is_changed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.AppliesAsync(Bob);

        Assert.Empty((await server.AppliesAsync("""{"users":[{"username":"Bob"}]}""")).Lines);
        var changes = await server.AppliesAsync("""{"users":[{"username":"bob","email":"bob@new.test","full_name":"Robert","age":43,"gender":"none"}]}""");

        Assert.Equal(["changed user bob (username, email, full_name, age, gender)"], changes.Lines);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync("bob@new.test", "bob's first password")).Status);
        Assert.Equal("invalid_grant", (await server.SignsInAsync("bob@example.com", "bob's first password")).Error);
    }

    [Fact]
    public async Task Roles_are_exactly_those_that_are_listed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var before = await server.SignsInAsync();

        var changes = await server.AppliesAsync("""{"roles":[{"name":"clerk"}],"users":[{"username":"alice","roles":["clerk"]}]}""");

        Assert.Equal(["created role clerk", "changed user alice (roles)"], changes.Lines);
        Assert.Equal("""["clerk"]""", ClaimsOf(await server.RefreshesAsync(before.RefreshToken)).GetProperty("roles").GetRawText());
        await server.AppliesAsync("""{"users":[{"username":"alice","roles":[]}]}""");
        Assert.Equal("[]", ClaimsOf(await server.SignsInAsync()).GetProperty("roles").GetRawText());
    }

    [Fact]
    public async Task A_user_with_only_an_email_has_it_as_user_name_and_is_found_by_it()
    {
        await using var server = await ServerUnderTest.StartAsync();

        Assert.Equal(["created user eve@example.com"], (await server.AppliesAsync("""{"users":[{"email":"eve@example.com","password":"eve's password"}]}""")).Lines);
        Assert.Empty((await server.AppliesAsync("""{"users":[{"email":"eve@example.com"}]}""")).Lines);
        Assert.Equal(["changed user ALICE@example.com (email, full_name)"], (await server.AppliesAsync("""{"users":[{"email":"ALICE@example.com","full_name":"Alice"}]}""")).Lines);

        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync("eve@example.com", "eve's password")).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.SignsInAsync("alice")).Status);
    }

    [Fact]
    public async Task A_disabled_user_is_refused_and_all_grants_end()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var before = await server.SignsInAsync();

        var off = await server.AppliesAsync("""{"users":[{"username":"alice","disabled":true}]}""");
        Assert.Equal(["changed user alice (disabled)"], off.Lines);
        Assert.Empty((await server.AppliesAsync("""{"users":[{"username":"alice","disabled":true}]}""")).Lines);
        Assert.Equal("invalid_grant", (await server.SignsInAsync()).Error);
        Assert.Equal("invalid_grant", (await server.RefreshesAsync(before.RefreshToken)).Error);
        Assert.False(await server.IsActiveAsync(before));

        var on = await server.AppliesAsync("""{"users":[{"username":"alice","disabled":false}]}""");
        Assert.Equal(["changed user alice (disabled)"], on.Lines);
        Assert.True(await server.IsActiveAsync(await server.SignsInAsync()));
        Assert.Equal("invalid_grant", (await server.RefreshesAsync(before.RefreshToken)).Error);
        Assert.False(await server.IsActiveAsync(before));
    }

    [Fact]
    public async Task A_user_may_be_created_disabled()
    {
        await using var server = await ServerUnderTest.StartAsync();

        await server.AppliesAsync("""{"users":[{"username":"mallory","password":"mallory's password","disabled":true}]}""");

        Assert.Equal("invalid_grant", (await server.SignsInAsync("mallory", "mallory's password")).Error);
    }

    [Fact]
    public async Task A_user_who_registers_at_the_same_moment_is_changed_and_not_created_twice()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await using var other = new NpgsqlConnection(server.ConnectionString);
        await other.OpenAsync();
        await using var registration = await other.BeginTransactionAsync();
        await using (var insert = new NpgsqlCommand(
            """
            INSERT INTO users (id, user_name, normalized_user_name, email_confirmed, security_stamp, phone_number_confirmed, two_factor_enabled, lockout_enabled, access_failed_count, created_at)
            VALUES (gen_random_uuid(), 'bob', 'bob', false, 'stamp', false, false, false, 0, now())
            """, other, registration))
            await insert.ExecuteNonQueryAsync();

        // It does not see the row that is not committed, and waits for it at the index.
        var applying = server.AppliesAsync(Bob);
        await using (var waits = new NpgsqlCommand("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'transactionid'", other, registration))
        {
            while ((long)(await waits.ExecuteScalarAsync())! == 0)
                await Task.Delay(20);
        }
        await registration.CommitAsync();

        var changes = await applying;
        Assert.Equal(["created role clerk", "changed user Bob (username, email, full_name, age, gender, roles)"], changes.Lines);
    }

    private static JsonElement ClaimsOf(Answer tokens)
    {
        var payload = tokens.AccessToken!.Split('.')[1].Replace('-', '+').Replace('_', '/');
        return JsonDocument.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '=')))).RootElement;
    }
}
