using IdentityServer.Storage;

namespace IdentityServer.Outbox;

/// <summary>Takes one kind of message out of the house. What it throws is an attempt that failed: the message is tried again.</summary>
internal interface IOutboxDelivery
{
    /// <summary>The column <c>kind</c>, and the label of its metrics.</summary>
    string Kind { get; }

    /// <summary>How many are delivered at once by one node: a way out that hangs holds up its own kind alone.</summary>
    int Workers { get; }

    /// <summary>How long one attempt may take.</summary>
    TimeSpan Deadline { get; }

    /// <summary>Whether the database writes these messages itself, which has no key to protect them: they hold no secret.</summary>
    bool IsPlain => false;

    Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellation);
}

/// <summary>How an attempt came out, where it threw nothing.</summary>
internal enum Delivery
{
    /// <summary>It is out, or is not needed any more.</summary>
    Done,

    /// <summary>Not now; the delivery has said why.</summary>
    Postponed,

    /// <summary>It will never be taken; the delivery has said why.</summary>
    Refused,
}
