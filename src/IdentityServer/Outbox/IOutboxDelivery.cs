using IdentityServer.Storage;

namespace IdentityServer.Outbox;

/// <summary>Delivers one kind of message. An exception is a failed attempt: the message will be retried.</summary>
internal interface IOutboxDelivery
{
    /// <summary>The value of the column <c>kind</c> and of the label in the metrics.</summary>
    string Kind { get; }

    /// <summary>Concurrent deliveries on one node. Each kind has its own workers, so one that hangs delays only its own kind.</summary>
    int Workers { get; }

    /// <summary>For one attempt, which is cancelled after it.</summary>
    TimeSpan Deadline { get; }

    /// <summary>Messages of this kind are not encrypted: the database writes them itself, and they hold no secret.</summary>
    bool IsPlain => false;

    Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellationToken);
}

/// <summary>The outcome of an attempt that did not throw.</summary>
internal enum Delivery
{
    /// <summary>Delivered, or no longer needed.</summary>
    Done,

    /// <summary>Failed and will be retried; the delivery has logged why.</summary>
    Postponed,

    /// <summary>Failed for good; the delivery has logged why.</summary>
    Refused,
}
