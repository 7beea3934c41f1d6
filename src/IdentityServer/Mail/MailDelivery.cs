using System.Text.Json;
using System.Text.Json.Serialization;
using IdentityServer.Outbox;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Mail;

/// <summary>All mail goes through the outbox and from there to the sender. Logs at start where messages go.</summary>
internal sealed partial class MailDelivery(IMessageSender? sender, MailSettings settings, OutboxStore outbox, ILogger<MailDelivery> logger) : IOutboxDelivery, IHostedService
{
    /// <summary>Without SMTP, which has a setting for it.</summary>
    private static readonly TimeSpan FolderDeadline = TimeSpan.FromSeconds(30);

    public string Kind => "mail";

    public int Workers => 4;

    public TimeSpan Deadline => settings.Smtp?.Timeout ?? FolderDeadline;

    /// <summary>Part of the caller's transaction; the caller calls <see cref="Wake"/> after the commit.</summary>
    /// <param name="expiresAt">When the message has lost its use, such as when its token expires.</param>
    public Task AddAsync(NpgsqlConnection connection, Message message, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
        outbox.AddAsync(connection, Kind, [JsonSerializer.SerializeToUtf8Bytes(message, MailJson.Default.Message)], expiresAt, cancellationToken);

    public void Wake() => outbox.Wake(Kind);

    public async Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellationToken)
    {
        if (sender is null)
        {
            LogNotSent();
            return Delivery.Postponed;
        }
        await sender.SendAsync(JsonSerializer.Deserialize(message.Content, MailJson.Default.Message)!, cancellationToken);
        return Delivery.Done;
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (sender is null)
            LogNoSender();
        else
            LogSender(sender.Describe());
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(4110, LogLevel.Information, "{Description}")]
    private partial void LogSender(string description);

    [LoggerMessage(4111, LogLevel.Warning, "No mail can be sent, so nobody can reset a password or register in a browser: set Smtp:Host or Mail:Directory")]
    private partial void LogNoSender();

    [LoggerMessage(4112, LogLevel.Error, "A message could not be sent and stays in the outbox: set Smtp:Host or Mail:Directory")]
    private partial void LogNotSent();
}

[JsonSerializable(typeof(Message))]
internal sealed partial class MailJson : JsonSerializerContext;
