using Microsoft.AspNetCore.Server.Kestrel.Core;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

/// <summary>
/// How much of a program callers can hold just by connecting. The rest is Kestrel's: bodies and answers must move at
/// 240 bytes a second or faster after 5 s of grace; a request line may have 8 KiB and the headers 32 KiB.
/// </summary>
internal static class ConnectionLimits
{
    public static void Apply(KestrelServerLimits limits, ConnectionSettings settings)
    {
        (limits.MaxConcurrentConnections, limits.RequestHeadersTimeout, limits.KeepAliveTimeout) = (settings.MaxConnections, settings.HeadersTimeout, settings.IdleTimeout);
    }
}
