using System.Net;

namespace IdentityServer.Audit;

/// <summary>The calling client, and its address.</summary>
internal readonly record struct Caller(string ClientId, IPAddress? Address)
{
    public static Caller Of(HttpContext httpContext, string clientId) => new(clientId, AddressOf(httpContext));

    /// <summary>As reported by known proxies; an IPv4 caller of a dual-stack socket as IPv4.</summary>
    public static IPAddress? AddressOf(HttpContext httpContext) =>
        httpContext.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : httpContext.Connection.RemoteIpAddress;
}
