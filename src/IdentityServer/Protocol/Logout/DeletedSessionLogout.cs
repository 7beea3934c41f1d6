using IdentityServer.Accounts.Sessions;
using IdentityServer.Outbox;
using IdentityServer.Storage;

namespace IdentityServer.Protocol.Logout;

/// <summary>Tells clients about sessions that were deleted with their account, as recorded by a database trigger.</summary>
internal sealed class DeletedSessionLogout(BackchannelLogout logout) : IOutboxDelivery
{
    public string Kind => LogoutNotice.KindOfDeleted;

    public int Workers => logout.Workers;

    public TimeSpan Deadline => logout.Deadline;

    public bool IsPlain => true;

    public Task<Delivery> DeliverAsync(OutboxMessage message, CancellationToken cancellationToken) => logout.DeliverAsync(message, cancellationToken);
}
