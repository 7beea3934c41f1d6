using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MimeKit;
using SmtpServer;
using SmtpServer.Authentication;
using SmtpServer.ComponentModel;
using SmtpServer.Mail;
using SmtpServer.Net;
using SmtpServer.Protocol;
using SmtpServer.Storage;

namespace IdentityServer.Tests.Mail;

/// <summary>An SMTP server on a loopback port that records what it receives.</summary>
internal sealed class MailServer : IMessageStore, IUserAuthenticator, IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="certificate">Without one the server has neither STARTTLS nor TLS.</param>
    /// <param name="isSecure">TLS from the first byte (RFC 8314 §3.3) instead of STARTTLS.</param>
    public MailServer(X509Certificate2? certificate = null, bool isSecure = false, ISmtpCommandFactory? commands = null)
    {
        var listeners = new EndpointListenerFactory();
        listeners.EndpointStarted += (_, started) => Port = ((IPEndPoint)started.LocalEndPoint).Port;
        var services = new ServiceProvider();
        services.Add(listeners);
        services.Add((IMessageStore)this);
        services.Add((IUserAuthenticator)this);
        services.Add(commands ?? new SmtpCommandFactory());
        var endpoint = new EndpointDefinitionBuilder().Endpoint(new IPEndPoint(IPAddress.Loopback, 0)).IsSecure(isSecure).AllowUnsecureAuthentication();
        if (certificate is not null)
            endpoint.Certificate(certificate);
        var server = new SmtpServer.SmtpServer(new SmtpServerOptionsBuilder().ServerName("test").Endpoint(endpoint.Build()).Build(), services);
        server.SessionCreated += (_, session) => session.Context.CommandExecuting += (_, executing) => Commands.Enqueue(executing.Command.Name);
        _serving = server.StartAsync(_stop.Token);
    }

    public int Port { get; private set; }

    public SmtpResponse Answer { get; init; } = SmtpResponse.Ok;

    public bool AcceptsLogins { get; init; } = true;

    /// <summary>The verbs of all commands.</summary>
    public ConcurrentQueue<string> Commands { get; } = new();

    public ConcurrentQueue<(string User, string Password)> Logins { get; } = new();

    public ConcurrentQueue<(string Sender, string Recipient, MimeMessage Mail)> Received { get; } = new();

    public static X509Certificate2 CreateCertificate()
    {
        using var key = RSA.Create(2048);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        var request = new CertificateRequest("CN=mail.test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1) { CertificateExtensions = { names.Build() } };
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    public Task<SmtpResponse> SaveAsync(ISessionContext context, IMessageTransaction transaction, ReadOnlySequence<byte> buffer, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream(buffer.ToArray());
        Received.Enqueue((transaction.From.AsAddress(), transaction.To.Single().AsAddress(), MimeMessage.Load(content, cancellationToken)));
        return Task.FromResult(Answer);
    }

    public Task<bool> AuthenticateAsync(ISessionContext context, string user, string password, CancellationToken cancellationToken)
    {
        Logins.Enqueue((user, password));
        return Task.FromResult(AcceptsLogins);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _stop.Dispose();
    }
}
