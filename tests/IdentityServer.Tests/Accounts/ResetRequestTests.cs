using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using IdentityServer.Tests.Outbox;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>An answer of 202 is a promise to send the message, and tells no caller who has an account.</summary>
public sealed class ResetRequestTests
{
    [Fact]
    public async Task A_node_that_is_killed_after_the_answer_loses_no_message()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var inbox = new Inbox();
        await using var before = await ServerUnderTest.StartAsync();
        await before.StopAsync();
        await using var program = ProgramProcess.Start(
            Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
            [
                "--environment=Development", "--IdentityServer:Manifest=", "--Limits:Enabled=false",
                $"--ConnectionStrings:IdentityServer={before.ConnectionString}",
                $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
                "--Smtp:Host=127.0.0.1", $"--Smtp:Port={((IPEndPoint)silent.LocalEndpoint).Port}", "--Smtp:RequireTls=false",
            ],
            workingDirectory: AppContext.BaseDirectory);
        await program.AnswersAsync();
        using var http = new HttpClient { BaseAddress = program.Address };

        using var answer = await http.PostAsJsonAsync("/auth/reset_password", new { email = World.AliceEmail });
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        await program.KillAsync();

        // If the killed node had already claimed the message, it is due again when the lease expires.
        await using var after = await before.StartNodeAsync(inbox.Setting);
        after.Clock.Advance(TimeSpan.FromMinutes(2));
        after.LooksForMessages();
        var token = People.TokenOf(await inbox.NextAsync(World.AliceEmail));
        Assert.Equal(HttpStatusCode.OK, (await after.ResetsAsync(World.AliceEmail, token, "spring tide 100")).Status);
        Assert.Equal(1, await after.ReadAsync<int>("SELECT count(*) FROM audit_events WHERE event = 'password_reset_requested'"));
    }

    [Theory]
    [InlineData(World.AliceEmail)]
    [InlineData("nobody@example.com")]
    public async Task A_request_is_answered_once_it_is_committed_without_looking_up_the_user(string email)
    {
        using var inbox = new Inbox();
        await using var server = await ServerUnderTest.StartAsync(inbox.Setting);

        await using (await LockAsync(server, "outbox"))
        {
            var asked = server.AsksForResetAsync(email);
            await Around.SoonAsync(
                async () => await server.ReadAsync<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO outbox%'") > 0,
                "the message waits to be written");
            Assert.False(asked.IsCompleted);
        }
        await using (await LockAsync(server, "users"))
            Assert.Equal(HttpStatusCode.Accepted, (await server.AsksForResetAsync(email)).Status);
    }

    [Fact]
    public async Task A_request_is_refused_while_the_outbox_cannot_be_written()
    {
        await using var server = await ServerUnderTest.StartAsync();
        await server.ExecuteAsync("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full' USING ERRCODE = '53100'; END $$");
        await server.ExecuteAsync("CREATE TRIGGER refuses BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()");

        (await server.AsksForResetAsync(World.AliceEmail)).IsRefused("SERVICE_UNAVAILABLE", HttpStatusCode.ServiceUnavailable);
    }

    private static async Task<NpgsqlConnection> LockAsync(ServerUnderTest server, string table)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await Around.Command(connection, $"BEGIN; LOCK TABLE {table}").ExecuteNonQueryAsync();
        return connection;
    }
}
