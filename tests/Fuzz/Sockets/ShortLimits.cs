using System.Globalization;
using Fuzz.Http;
using Xunit;

namespace Fuzz.Sockets;

/// <summary>Both programs with limits that are reached in seconds.</summary>
public sealed class ShortLimits : IAsyncLifetime
{
    internal const int MaxConnections = 2_500;

    internal Pair Pair { get; private set; } = null!;

    /// <summary>A client's own, for the ResourceApi.</summary>
    internal string Token { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Pair = await Pair.StartAsync("Limits:HeadersTimeout=2", "Limits:IdleTimeout=3", string.Create(CultureInfo.InvariantCulture, $"Limits:MaxConnections={MaxConnections}"));
        Token = await Pair.GetTokenAsync();
    }

    public ValueTask DisposeAsync() => Pair?.DisposeAsync() ?? ValueTask.CompletedTask;
}
