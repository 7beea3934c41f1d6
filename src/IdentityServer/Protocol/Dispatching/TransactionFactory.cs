using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using OpenIddict.Server;

namespace IdentityServer.Protocol.Dispatching;

/// <summary>
/// Begins transactions that log nothing. OpenIddict's handlers log each request with its parameters and each of its steps; what an
/// operator needs, our own handlers log.
/// </summary>
internal sealed class TransactionFactory(IOptionsMonitor<OpenIddictServerOptions> options) : IOpenIddictServerFactory
{
    public ValueTask<OpenIddictServerTransaction> CreateTransactionAsync() =>
        new(new OpenIddictServerTransaction { Logger = NullLogger.Instance, Options = options.CurrentValue });
}
