using IdentityServer.Tests.Hosting;
using IdentityServer.Tests.Mail;
using Xunit;

namespace IdentityServer.Tests.Accounts;

/// <summary>One server for the tests of a class that leave its clock and settings alone.</summary>
public sealed class AccountsServer : IAsyncLifetime
{
    private readonly Inbox _inbox = new();
    private ServerUnderTest? _server;

    internal ServerUnderTest Server => _server!;

    internal Inbox Inbox => _inbox;

    public async ValueTask InitializeAsync() => _server = await ServerUnderTest.StartAsync(_inbox.Setting);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _inbox.Dispose();
    }
}
