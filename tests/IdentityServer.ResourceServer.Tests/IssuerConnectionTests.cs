using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Xunit;

namespace IdentityServer.ResourceServer.Tests;

/// <summary>However the network reports that the issuer is unreachable, it must not stop an API.</summary>
public sealed class IssuerConnectionTests
{
    [Fact]
    public async Task A_connection_reset_while_opening_counts_as_an_unreachable_issuer()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var enough = new CancellationTokenSource();
        var resetting = Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                // Closed by a reset, as by a kernel whose process was killed.
                using var taken = await listener.AcceptSocketAsync(enough.Token);
                taken.LingerState = new LingerOption(true, 0);
            }
        });
        using var issuer = new IssuerConnection(Options.Create(new IdentityServerTokensOptions
        {
            Authority = $"http://{listener.LocalEndpoint}", AllowInsecureHttp = true, Resource = ProtectedApi.Resource, ClientId = "api", ClientSecret = "secret",
        }));

        for (var i = 0; i < 1000; i++)
            await Assert.ThrowsAsync<IssuerException>(() => issuer.FetchRevocationsAsync(null, TimeSpan.Zero, CancellationToken.None));

        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resetting);
    }
}
