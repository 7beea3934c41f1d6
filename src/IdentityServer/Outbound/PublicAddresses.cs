using System.Net;
using System.Net.Sockets;

namespace IdentityServer.Outbound;

/// <summary>
/// Which addresses are on the public internet (IANA's special-purpose registries, RFC 6890). All others lead to this machine,
/// its network or its cloud's metadata service, where a stranger must not send us.
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] SpecialIPv4 = Networks(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        // A public address, but on Azure it reaches the machine's host.
        "168.63.129.16/32");

    /// <summary>All that IANA has assigned for global unicast. Loopback, link-local, unique local and multicast are outside it.</summary>
    private static readonly IPNetwork GlobalIPv6 = IPNetwork.Parse("2000::/3");

    // Teredo and the other protocol assignments, documentation, 6to4 (an IPv4 address in disguise), documentation again.
    private static readonly IPNetwork[] SpecialIPv6 = Networks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");

    /// <summary>RFC 6052 §2.1: an IPv4 address behind a translator, as DNS64 returns on networks without IPv4.</summary>
    private static readonly IPNetwork Translated = IPNetwork.Parse("64:ff9b::/96");

    public static bool Contain(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return !Any(SpecialIPv4, address);
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return false;
        if (Translated.Contains(address))
            return Contain(new IPAddress(address.GetAddressBytes().AsSpan(12)));
        return GlobalIPv6.Contains(address) && !Any(SpecialIPv6, address);
    }

    private static bool Any(IPNetwork[] networks, IPAddress address)
    {
        foreach (var network in networks)
        {
            if (network.Contains(address))
                return true;
        }
        return false;
    }

    private static IPNetwork[] Networks(params string[] networks) => Array.ConvertAll(networks, network => IPNetwork.Parse(network));
}
