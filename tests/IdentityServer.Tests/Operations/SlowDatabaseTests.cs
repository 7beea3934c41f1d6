using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using IdentityServer.Accounts;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.ClientRegistration;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Npgsql;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Operations;

/// <summary>Requests that take many statements, with a database that is far away.</summary>
public sealed class SlowDatabaseTests
{
    private const double Deadline = 4;

    private static readonly TimeSpan RoundTrip = TimeSpan.FromSeconds(3.5);

    // What is sent after the first statements does not arrive in time: whoever waits for it waits this long.
    private static readonly TimeSpan Never = TimeSpan.FromMinutes(3);

    // Seconds: the deadline, and how long a machine busy with the other tests may take to notice it.
    private const double Patience = 60;

    [Fact]
    public async Task At_the_deadline_a_request_does_not_wait_for_its_transaction_to_roll_back()
    {
        await using var server = await ServerUnderTest.StartAsync("--Registration:Mode=open");
        var database = new NpgsqlConnectionStringBuilder(server.ConnectionString);
        await using var way = database.Host!.StartsWith('/')
            ? TcpProxy.Start(new UnixDomainSocketEndPoint($"{database.Host}/.s.PGSQL.{database.Port}"))
            : TcpProxy.Start(database.Port);
        (database.Host, database.Port, database.Timeout, database.CommandTimeout) = ("127.0.0.1", way.Port, 60, 60);
        await using var far = await ServerUnderTest.StartOnAsync(database.ConnectionString, "--Registration:Mode=open", $"--Limits:RequestTimeout={Deadline}", "--Limits:Enabled=false");

        var (replaced, removed) = (await server.RegistersAsync(Registrar.Good), await server.RegistersAsync(Registrar.Good));
        var (forgetful, careful, token) = (People.NewName(), People.NewName(), ResetTokens.Create());
        var access = (await server.RegistersAsync(careful)).Json.GetProperty("data").GetProperty("access_token").GetString();
        await server.RegistersAsync(forgetful);
        await server.ExecuteAsync(
            "INSERT INTO reset_tokens (user_id, token_hash, expires_at) SELECT id, $2, $3 FROM users WHERE email = $1",
            People.EmailOf(forgetful), token.Hash, far.Clock.GetUtcNow().AddMinutes(5));
        var (here, there) = (new Browser(far), new Browser(far));
        await here.SignInAsync(username: forgetful, password: People.Password);
        await there.SignInAsync();
        await new Browser(far).SignInAsync();
        var (password, sessions) = (await here.GetAsync("/account/password"), await there.GetAsync("/account/sessions"));
        // Connecting takes round trips too, so all connections are opened first.
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => far.LooksAsync(replaced)));

        way.Delay = RoundTrip;
        var answering = Task.WhenAll(
            TimeAsync("reset", StatusAsync(far.ResetsAsync(People.EmailOf(forgetful), token.Text, "another tidal wave"))),
            TimeAsync("change", StatusAsync(far.ChangesPasswordAsync(access, People.Password, "another tidal wave"))),
            TimeAsync("register", StatusAsync(far.RegistersAsync(People.NewName()))),
            TimeAsync("client", StatusAsync(far.RegistersAsync(Registrar.Good))),
            TimeAsync("replace", StatusAsync(far.ReplacesAsync(replaced, new { client_id = replaced["client_id"], redirect_uris = new[] { Registrar.Callback } }))),
            TimeAsync("remove", StatusAsync(far.RemovesAsync(removed))),
            TimeAsync("password page", StatusAsync(here.PressAsync(password, "password-submit", ("current_password", People.Password), ("new_password", "another tidal wave")))),
            TimeAsync("sessions page", StatusAsync(there.PressAsync(sessions, "end-others"))));
        await Task.Delay(RoundTrip / 2);
        way.Delay = Never;
        var answers = await answering;
        // Cut, so that nobody waits for what is still on its way.
        await way.DisposeAsync();

        Assert.All(answers, answer =>
        {
            Assert.Equal((answer.What, HttpStatusCode.ServiceUnavailable), (answer.What, answer.Status));
            Assert.InRange(answer.Seconds, Deadline - 0.1, Patience);
        });
    }

    private static async Task<HttpStatusCode> StatusAsync(Task<Answer> answering) => (await answering).Status;

    private static async Task<HttpStatusCode> StatusAsync(Task<BrowserPage> answering) => (await answering).Status;

    private static async Task<(string What, HttpStatusCode Status, double Seconds)> TimeAsync(string what, Task<HttpStatusCode> answering)
    {
        var started = Stopwatch.GetTimestamp();
        var status = await answering;
        return (what, status, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
