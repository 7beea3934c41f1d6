using System.Text.Json;
using System.Text.Json.Serialization;
using IdentityServer.Outbox;
using IdentityServer.Settings;
using IdentityServer.Storage;
using Npgsql;

namespace IdentityServer.Mail;

/// <summary>The one way out for mail: written to the outbox, taken from there to the sender. Says at start where messages go.</summary>
internal sealed partial class MailDelivery(IMessageSender? sender, MailSettings settings, OutboxStore outbox, ILogger<MailDelivery> log) : IOutboxDelivery, IHostedService
{
    /// <summary>Of a sender that sets itself no time.</summary>
    private static readonly TimeSpan OrdinaryDeadline = TimeSpan.FromSeconds(30);

    public string Kind => "mail";

    public int Workers => 4;

    public TimeSpan Deadline => settings.Smtp?.Timeout ?? OrdinaryDeadline;

    /// <summary>Within the caller's transaction, who calls <see cref="Wake"/> once it is committed.</summary>
    /// <param name="expiresAt">From when on the message would tell the reader nothing any more.</param>
    public Task AddAsync(NpgsqlConnection connection, Message message, DateTimeOffset expiresAt, CancellationToken cancellation) =>
        outbox.AddAsync(connection, Kind, [JsonSerializer.SerializeToUtf8Bytes(message, MailJson.Default.Message)], expiresAt, cancellation);

    /// <summary>What was committed goes out at once.</summary>
    public void Wake() => outbox.Wake(Kind);

    public async Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellation)
    {
        if (sender is null)
        {
            LogNotSent();
            return Delivery.Postponed;
        }
        await sender.SendAsync(JsonSerializer.Deserialize(message.Content, MailJson.Default.Message)!, cancellation);
        return Delivery.Done;
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

    [LoggerMessage(4111, LogLevel.Warning, "No message can be sent, so nobody can reset a password or register at a browser: set Smtp:Host or Mail:Directory")]
    private partial void LogNowhere();

    [LoggerMessage(4112, LogLevel.Error, "A message was not sent and waits: set Smtp:Host or Mail:Directory")]
    private partial void LogNotSent();
}

[JsonSerializable(typeof(Message))]
internal sealed partial class MailJson : JsonSerializerContext;
