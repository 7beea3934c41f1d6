using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net;
using IdentityServer.Mail;
using IdentityServer.Tests.Accounts;
using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Protocol;
using MailKit.Security;
using SmtpServer.Protocol;
using SmtpServer;
using Testing;
using Xunit;

namespace IdentityServer.Tests.Mail;

public sealed class SmtpMessageSenderTests
{
    private static readonly string[] Login = ["--Smtp:User=postman", "--Smtp:Password=canary-of-a-secret"];

    [Fact]
    public async Task A_reset_is_sent_by_smtp()
    {
        await using var smtp = new MailServer();
        await using var server = await StartAsync(smtp, [.. Login, "--Smtp:RequireTls=false", "--Mail:From=no-reply@example.org"]);

        await server.AsksForResetAsync(World.AliceEmail);
        await Around.SoonAsync(() => Task.FromResult(!smtp.Received.IsEmpty), "the message is accepted");

        var (sender, recipient, mail) = Assert.Single(smtp.Received);
        Assert.Equal(("no-reply@example.org", World.AliceEmail), (sender, recipient));
        Assert.Equal("auto-generated", mail.Headers["Auto-Submitted"]);
        Assert.EndsWith("@example.org", mail.MessageId, StringComparison.Ordinal);
        Assert.Equal(("postman", "canary-of-a-secret"), Assert.Single(smtp.Logins));
        var token = People.TokenOf(mail.TextBody!);
        Assert.Equal(HttpStatusCode.OK, (await server.ResetsAsync(World.AliceEmail, token, People.Password)).Status);
        Assert.Contains(server.Log.Lines, line => line.Contains($"sent by SMTP to 127.0.0.1:{smtp.Port}, without encryption.", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("canary", StringComparison.Ordinal) || line.Contains(token, StringComparison.Ordinal));
    }

    /// <summary>A process of its own, because a process reads its trusted certificates only once.</summary>
    [Theory]
    [InlineData("starttls", "EHLO STARTTLS EHLO AUTH MAIL RCPT DATA QUIT"), InlineData("tls", "EHLO AUTH MAIL RCPT DATA QUIT"), Rfc("3207", "4.2"), Rfc("8314", "3.3")]
    public async Task A_reset_is_sent_over_tls(string security, string commands)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("SSL_CERT_FILE names the trusted certificates on Linux only.");
        using var certificate = MailServer.CreateCertificate();
        await using var smtp = new MailServer(certificate, isSecure: security == "tls");
        var trusted = Path.Combine(Repository.Root, ".data", $"tests-{Guid.NewGuid():N}.pem");
        await File.WriteAllTextAsync(trusted, certificate.ExportCertificatePem());
        try
        {
            await using var before = await ServerUnderTest.StartAsync();
            await before.StopAsync();
            await using var program = ProgramProcess.Start(
                Path.Combine(AppContext.BaseDirectory, "IdentityServer.dll"),
                [
                    "--environment=Development", "--IdentityServer:Manifest=", "--Limits:Enabled=false",
                    $"--ConnectionStrings:IdentityServer={before.ConnectionString}",
                    $"--DataProtection:CertificatePath={Path.Combine(Repository.Root, ".data", "tests-data-protection.pfx")}",
                    "--Smtp:Host=127.0.0.1", $"--Smtp:Port={smtp.Port}", $"--Smtp:Security={security}", .. Login,
                ],
                new Dictionary<string, string?> { ["SSL_CERT_FILE"] = trusted },
                AppContext.BaseDirectory);
            await program.AnswersAsync();
            using var http = new HttpClient { BaseAddress = program.Address };

            using var answer = await http.PostAsJsonAsync("/auth/reset_password", new { email = World.AliceEmail });
            await Around.SoonAsync(() => Task.FromResult(smtp.Commands.Contains("QUIT")), "the message is accepted");

            Assert.Equal(World.AliceEmail, Assert.Single(smtp.Received).Recipient);
            Assert.Equal(("postman", "canary-of-a-secret"), Assert.Single(smtp.Logins));
            Assert.Equal(commands, string.Join(' ', smtp.Commands));
        }
        finally
        {
            File.Delete(trusted);
        }
    }

    [Fact, Rfc("3207", "6")]
    public async Task Without_starttls_at_the_server_nothing_is_sent_and_the_message_waits()
    {
        await using var smtp = new MailServer();
        await using var server = await StartAsync(smtp, Login);

        await FailsToSendAsync(server);

        AssertNothingWasSent(smtp);
        Assert.Contains(server.Log.Lines, line => line.Contains("does not support the STARTTLS extension", StringComparison.Ordinal));
    }

    [Theory, InlineData("starttls"), InlineData("tls"), Rfc("3207", "6")]
    public async Task Nothing_is_sent_to_a_server_with_an_untrusted_certificate(string security)
    {
        using var certificate = MailServer.CreateCertificate();
        await using var smtp = new MailServer(certificate, isSecure: security == "tls");
        await using var server = await StartAsync(smtp, [.. Login, $"--Smtp:Security={security}"]);

        await FailsToSendAsync(server);

        AssertNothingWasSent(smtp);
        Assert.Contains(server.Log.Lines, line => line.Contains(nameof(SslHandshakeException), StringComparison.Ordinal));
    }

    [Fact]
    public async Task After_a_refused_login_the_message_waits_and_the_log_has_no_secret()
    {
        await using var smtp = new MailServer { AcceptsLogins = false };
        await using var server = await StartAsync(smtp, [.. Login, "--Smtp:Security=none"]);

        await FailsToSendAsync(server);

        Assert.NotEmpty(smtp.Logins);
        Assert.DoesNotContain("MAIL", smtp.Commands);
        Assert.Contains(server.Log.Lines, line => line.Contains(nameof(AuthenticationException), StringComparison.Ordinal));
        string[] secrets = ["canary", Convert.ToBase64String("canary-of-a-secret"u8), Convert.ToBase64String("\0postman\0canary-of-a-secret"u8)];
        Assert.DoesNotContain(server.Log.Lines, line => secrets.Any(secret => line.Contains(secret, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_rejected_message_waits_and_its_token_is_not_in_the_log()
    {
        await using var smtp = new MailServer { Answer = SmtpResponse.TransactionFailed };
        await using var server = await StartAsync(smtp, "--Smtp:Security=none");

        await FailsToSendAsync(server);

        var token = People.TokenOf(smtp.Received.First().Mail.TextBody!);
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains(token, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_given_up_after_the_timeout()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var server = await ServerUnderTest.StartAsync("--Smtp:Host=127.0.0.1", $"--Smtp:Port={((IPEndPoint)silent.LocalEndpoint).Port}", "--Smtp:Timeout=1");

        await FailsToSendAsync(server);
    }

    [Theory]
    [InlineData("a@example.com\r\nBcc: b@example.com")]
    [InlineData("a@example.com, b@example.com")]
    [InlineData("a@example.com> b@example.com")]
    [InlineData("A <a@example.com>")]
    public async Task A_recipient_is_a_single_address(string to)
    {
        await using var smtp = new MailServer();

        await Assert.ThrowsAnyAsync<Exception>(() => SendAsync(smtp, new(to, "Subject", "x")));

        Assert.Empty(smtp.Commands);
    }

    [Fact]
    public async Task A_line_break_in_a_subject_adds_no_header()
    {
        await using var smtp = new MailServer();

        await SendAsync(smtp, new("a@example.com", "Subject\r\nBcc: b@example.com", "x"));

        Assert.Null(Assert.Single(smtp.Received).Mail.Headers["Bcc"]);
    }

    [Fact, Rfc("2047", "2")]
    public async Task A_long_non_ASCII_subject_and_body_arrive_unchanged()
    {
        var text = string.Concat(Enumerable.Repeat("Zurücksetzen 重設密碼 ", 60)).TrimEnd();
        await using var smtp = new MailServer();

        await SendAsync(smtp, new("a@example.com", text, text + "\r\n" + new string('x', 2000)));

        var mail = Assert.Single(smtp.Received).Mail;
        Assert.Equal((text, text + "\r\n" + new string('x', 2000)), (mail.Subject, mail.TextBody!.ReplaceLineEndings("\r\n").TrimEnd()));
    }

    [Theory, Rfc("6531", "3.2"), Rfc("5891", "4")]
    [InlineData("maya@müller.example", false, "maya@xn--mller-kva.example")]
    [InlineData("maya@xn--mller-kva.example", false, "maya@xn--mller-kva.example")]
    [InlineData("用户@example.com", true, "用户@example.com")]
    public async Task A_non_ASCII_address_needs_SMTPUTF8_only_for_its_local_part(string to, bool needsUtf8, string recipient)
    {
        await using var smtp = new MailServer();
        await using var old = new MailServer(commands: new CommandsWithoutUtf8());

        await SendAsync(smtp, new(to, "Subject", "x"));
        var sent = SendAsync(old, new(to, "Subject", "x"));

        Assert.Equal(recipient, Assert.Single(smtp.Received).Recipient);
        if (needsUtf8)
            await Assert.ThrowsAsync<NotSupportedException>(() => sent);
        else
            await sent;
        Assert.Equal(!needsUtf8, old.Commands.Contains("MAIL"));
    }

    private static Task<ServerUnderTest> StartAsync(MailServer smtp, params string[] settings) =>
        ServerUnderTest.StartAsync(["--Smtp:Host=127.0.0.1", $"--Smtp:Port={smtp.Port}", .. settings]);

    private static Task SendAsync(MailServer smtp, Message message) =>
        new SmtpMessageSender(new("", "no-reply@example.com"), new() { Host = "127.0.0.1", Port = smtp.Port, Mode = "none", Timeout = TimeSpan.FromSeconds(10) })
            .SendAsync(message, CancellationToken.None);

    /// <summary>Asks for a reset, sees two attempts fail, and the message still in the outbox.</summary>
    private static async Task FailsToSendAsync(ServerUnderTest server)
    {
        Assert.Equal(HttpStatusCode.Accepted, (await server.AsksForResetAsync(World.AliceEmail)).Status);
        await Around.SoonAsync(() => Task.FromResult(server.Log.Lines.Any(line => line.Contains("could not be sent at attempt 2", StringComparison.Ordinal))), "the second attempt fails");
        Assert.Equal(1, await server.ReadAsync<int>("SELECT count(*) FROM outbox WHERE kind = 'mail'"));
    }

    private static void AssertNothingWasSent(MailServer smtp) => Assert.Empty(smtp.Commands.Except(["EHLO", "STARTTLS", "QUIT"]));

    private sealed class CommandsWithoutUtf8 : SmtpCommandFactory
    {
        public override SmtpCommand CreateEhlo(string domainOrAddress) => new Ehlo(domainOrAddress);

        private sealed class Ehlo(string domainOrAddress) : EhloCommand(domainOrAddress)
        {
            protected override IEnumerable<string> GetExtensions(ISessionContext context) => base.GetExtensions(context).Where(extension => extension != "SMTPUTF8");
        }
    }
}
