using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IdentityServer.Tests.Mail;

/// <summary>A small SMTP server (RFC 5321): keeps what it is told, offers STARTTLS and AUTH when asked to.</summary>
internal sealed class SmtpServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly X509Certificate2? _certificate;
    private readonly Task _serving;

    public SmtpServer(bool offersTls)
    {
        _certificate = offersTls ? CreateCertificate() : null;
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Every line that clients said, data included.</summary>
    public ConcurrentQueue<string> Lines { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _listener.Dispose();
        _certificate?.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                await TalkAsync(client.GetStream());
            }
        }
        catch (Exception over) when (over is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task TalkAsync(Stream stream)
    {
        try
        {
            await SayAsync(stream, "220 test ready");
            for (var line = await ReadLineAsync(stream); line is not null; line = await ReadLineAsync(stream))
            {
                Lines.Enqueue(line);
                var word = line.Split(' ')[0].ToUpperInvariant();
                if (word == "EHLO")
                    await SayAsync(stream, _certificate is not null && stream is not SslStream ? "250-test\r\n250-STARTTLS\r\n250 AUTH LOGIN" : "250-test\r\n250 AUTH LOGIN");
                else if (word == "STARTTLS")
                    stream = await SecureAsync(stream);
                else if (word == "AUTH")
                    await AuthenticateAsync(stream, line);
                else if (word == "DATA")
                    await TakeAsync(stream);
                else if (word == "QUIT")
                    await SayAsync(stream, "221 bye");
                else
                    await SayAsync(stream, "250 ok");
            }
        }
        catch (Exception hungUp) when (hungUp is IOException or System.Security.Authentication.AuthenticationException)
        {
            Lines.Enqueue("(hung up)");
        }
        finally
        {
            await stream.DisposeAsync();
        }
    }

    private async Task<Stream> SecureAsync(Stream stream)
    {
        await SayAsync(stream, "220 go ahead");
        var secured = new SslStream(stream);
        await secured.AuthenticateAsServerAsync(_certificate!, clientCertificateRequired: false, checkCertificateRevocation: false);
        return secured;
    }

    private async Task AuthenticateAsync(Stream stream, string line)
    {
        if (line.Split(' ').Length < 3)
        {
            await SayAsync(stream, "334 VXNlcm5hbWU6");
            Lines.Enqueue(await ReadLineAsync(stream) ?? "");
        }
        await SayAsync(stream, "334 UGFzc3dvcmQ6");
        Lines.Enqueue(await ReadLineAsync(stream) ?? "");
        await SayAsync(stream, "235 welcome");
    }

    private async Task TakeAsync(Stream stream)
    {
        await SayAsync(stream, "354 go on");
        for (var line = await ReadLineAsync(stream); line is not null and not "."; line = await ReadLineAsync(stream))
            Lines.Enqueue(line);
        await SayAsync(stream, "250 taken");
    }

    private async Task SayAsync(Stream stream, string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text + "\r\n"), _stop.Token);

    private async Task<string?> ReadLineAsync(Stream stream)
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (await stream.ReadAsync(one, _stop.Token) == 1)
        {
            if (one[0] == '\n')
                return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
            line.Add(one[0]);
        }
        return null;
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        return new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }
}
