using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace IdentityServer.ResourceServer;

/// <summary>
/// OpenIddict's own messages are not written: at the level Trace they hold whole tokens, and while the issuer is away they are an error
/// with its stack at each attempt, of which <see cref="IssuerKeys"/> tells once.
/// </summary>
internal sealed class QuietTransactions(IOptionsMonitor<OpenIddictValidationOptions> options) : IOpenIddictValidationFactory
{
    public ValueTask<OpenIddictValidationTransaction> CreateTransactionAsync() =>
        new(new OpenIddictValidationTransaction { Logger = NullLogger.Instance, Options = options.CurrentValue });
}
