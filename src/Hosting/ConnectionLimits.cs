using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;

namespace Hosting;

/// <summary>
/// How much of a program strangers may hold by connecting alone. What is not set here is Kestrel's: a body comes at 240 bytes
/// a second at least and an answer is taken as fast, both after 5 s of grace; a request line has 8 KiB and its headers 32 KiB.
/// </summary>
public static class ConnectionLimits
{
    /// <summary>Connections at once; one more is closed unanswered. Each costs a file handle, which the database needs too.</summary>
    private const string MaxConnections = "Limits:MaxConnections";

    /// <summary>Seconds that the headers of a request may take from their first byte.</summary>
    private const string HeadersTimeout = "Limits:HeadersTimeout";

    /// <summary>Seconds that a connection may go without a request; longer than a proxy keeps one (nginx: 60), so that the proxy closes first.</summary>
    private const string IdleTimeout = "Limits:IdleTimeout";

    /// <exception cref="StartupException">A setting is no such number.</exception>
    public static void Apply(KestrelServerLimits limits, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(limits);
        ArgumentNullException.ThrowIfNull(configuration);
        limits.MaxConcurrentConnections = SettingNumber.Read(configuration, MaxConnections, 10_000, 1, 1_000_000);
        limits.RequestHeadersTimeout = SettingNumber.ReadSeconds(configuration, HeadersTimeout, 15, 1, 3_600);
        limits.KeepAliveTimeout = SettingNumber.ReadSeconds(configuration, IdleTimeout, 130, 1, 86_400);
    }
}
