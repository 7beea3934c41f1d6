using System.Net.Mail;
using System.Text;
using IdentityServer.Mail;
using IdentityServer.Settings;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Mail;

public sealed class SmtpMessageSenderTests
{
    private static readonly MailAddress From = new("no-reply@example.com");
    private static readonly Message Letter = new("maya@example.com", "Reset your password", "The token is canary-of-a-token.\n");

    [Fact]
    public async Task A_reset_goes_out_by_smtp()
    {
        await using var smtp = new SmtpServer(offersTls: false);
        await using var server = await ServerUnderTest.StartAsync(
            "--Smtp:Host=127.0.0.1", $"--Smtp:Port={smtp.Port}", "--Smtp:RequireTls=false", "--Smtp:User=postman", "--Smtp:Password=canary-of-a-secret", "--Mail:From=no-reply@example.org");

        await server.AsksForResetAsync(World.AliceEmail);
        await Around.SoonAsync(() => Task.FromResult(smtp.Lines.Any(line => line.Length == 43)), "the message is taken");

        Assert.Contains(smtp.Lines, line => line.StartsWith("MAIL FROM:<no-reply@example.org>", StringComparison.Ordinal));
        Assert.Contains($"RCPT TO:<{World.AliceEmail}>", smtp.Lines);
        Assert.Contains(Convert.ToBase64String(Encoding.UTF8.GetBytes("canary-of-a-secret")), smtp.Lines);
        var token = People.TokenOf(string.Join('\n', smtp.Lines));
        Assert.Equal(System.Net.HttpStatusCode.OK, (await server.ResetsAsync(World.AliceEmail, token, People.Password)).Status);
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("canary", StringComparison.Ordinal) || line.Contains(token, StringComparison.Ordinal));
    }

    [Fact, Rfc("3207", "6")]
    public async Task Where_tls_is_required_and_not_offered_nothing_is_said()
    {
        await using var smtp = new SmtpServer(offersTls: false);

        await Assert.ThrowsAsync<SmtpException>(() => SenderTo(smtp, requireTls: true).SendAsync(Letter, CancellationToken.None));

        AssertNothingWasSaid(smtp);
    }

    [Fact, Rfc("3207", "6")]
    public async Task A_server_that_nobody_vouches_for_is_told_nothing()
    {
        await using var smtp = new SmtpServer(offersTls: true);

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => SenderTo(smtp, requireTls: true).SendAsync(Letter, CancellationToken.None));

        Assert.Contains(Chain(refused), exception => exception is System.Security.Authentication.AuthenticationException);
        AssertNothingWasSaid(smtp);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_given_up()
    {
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        var sender = new SmtpMessageSender(From, new SmtpSettings("127.0.0.1", ((System.Net.IPEndPoint)silent.LocalEndpoint).Port, null, null, false, TimeSpan.FromSeconds(1)));

        await Assert.ThrowsAnyAsync<Exception>(() => sender.SendAsync(Letter, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Theory]
    [InlineData("a@example.com\r\nBcc: b@example.com", "Subject")]
    [InlineData("a@example.com, b@example.com", "Subject")]
    [InlineData("a@example.com", "Subject\r\nBcc: b@example.com")]
    public async Task No_header_can_be_slipped_in(string to, string subject)
    {
        await using var smtp = new SmtpServer(offersTls: false);

        await Assert.ThrowsAnyAsync<Exception>(() => SenderTo(smtp, requireTls: false).SendAsync(new Message(to, subject, "x"), CancellationToken.None));

        Assert.Empty(smtp.Lines);
    }

    [Fact]
    public async Task A_message_that_fails_is_tried_again_and_said_in_the_log_without_its_secret()
    {
        await using var smtp = new SmtpServer(offersTls: false);
        await using var server = await ServerUnderTest.StartAsync("--Smtp:Host=127.0.0.1", $"--Smtp:Port={smtp.Port}");

        var answer = await server.AsksForResetAsync(World.AliceEmail);

        Assert.Equal(System.Net.HttpStatusCode.Accepted, answer.Status);
        await Around.SoonAsync(() => Task.FromResult(server.Log.Lines.Any(line => line.Contains("could not be sent at attempt 2", StringComparison.Ordinal))), "the second failure is in the log");
        Assert.InRange(smtp.Lines.Count(line => line.StartsWith("EHLO", StringComparison.Ordinal)), 2, 3);
    }

    private static SmtpMessageSender SenderTo(SmtpServer smtp, bool requireTls) =>
        new(From, new SmtpSettings("127.0.0.1", smtp.Port, "postman", "canary-of-a-secret", requireTls, TimeSpan.FromSeconds(10)));

    private static void AssertNothingWasSaid(SmtpServer smtp) =>
        Assert.All(smtp.Lines, line => Assert.True(line is "STARTTLS" or "QUIT" or "(hung up)" || line.StartsWith("EHLO", StringComparison.Ordinal), line));

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
            yield return exception;
    }
}
