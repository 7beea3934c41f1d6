namespace IdentityServer.Mail;

/// <summary>The one way out for messages; says at start where they go.</summary>
internal sealed partial class Outbox(IMessageSender? sender, ILogger<Outbox> log) : IHostedService
{
    /// <summary>False: there is no way out. Throws when the way that there is failed.</summary>
    public async Task<bool> TrySendAsync(Message message, CancellationToken cancellation)
    {
        if (sender is null)
        {
            LogNotSent();
            return false;
        }
        await sender.SendAsync(message, cancellation);
        return true;
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (sender is null)
            LogNowhere();
        else
            LogWhere(sender.Describe());
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(4110, LogLevel.Information, "{Where}")]
    private partial void LogWhere(string where);

    [LoggerMessage(4111, LogLevel.Warning, "No message can be sent, so nobody can reset a password: set Smtp:Host or Mail:Directory")]
    private partial void LogNowhere();

    [LoggerMessage(4112, LogLevel.Error, "A message was not sent: set Smtp:Host or Mail:Directory")]
    private partial void LogNotSent();
}
