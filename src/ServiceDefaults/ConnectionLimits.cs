using Microsoft.AspNetCore.Server.Kestrel.Core;
using ServiceDefaults.Settings;

namespace ServiceDefaults;

/// <summary>
/// How much of a program strangers may hold by connecting alone. What is not set here is Kestrel's: a body comes at 240 bytes
/// a second at least and an answer is taken as fast, both after 5 s of grace; a request line has 8 KiB and its headers 32 KiB.
/// </summary>
internal static class ConnectionLimits
{
    public static void Apply(KestrelServerLimits limits, ConnectionSettings settings)
    {
        (limits.MaxConcurrentConnections, limits.RequestHeadersTimeout, limits.KeepAliveTimeout) = (settings.MaxConnections, settings.HeadersTimeout, settings.IdleTimeout);
    }
}
