using System.Globalization;

namespace IdentityServer.AuthorizationRequests;

/// <summary>
/// Compares redirect URIs character by character (RFC 9700 §4.1.3). The one exception is the port of a loopback address
/// over http, which a native application gets from its system (RFC 8252 §7.3): of <c>127.0.0.1</c> and <c>[::1]</c>,
/// not of <c>localhost</c>, which may be somebody else (RFC 8252 §8.3).
/// </summary>
internal static class RedirectUris
{
    private static readonly string[] Loopback = ["http://127.0.0.1", "http://[::1]"];

    public static bool IsRegistered(string[] registered, string requested)
    {
        foreach (var uri in registered)
        {
            if (uri == requested)
                return true;
        }
        foreach (var uri in registered)
        {
            if (IsSameButPort(uri, requested))
                return true;
        }
        return false;
    }

    public static bool IsLoopback(string uri) => LoopbackOf(uri, out _) is not null;

    private static bool IsSameButPort(string registered, string requested) =>
        LoopbackOf(registered, out var one) is { } host && LoopbackOf(requested, out var other) == host && one.SequenceEqual(other);

    /// <summary>The loopback host that an address begins with, and what follows its port.</summary>
    private static string? LoopbackOf(string uri, out ReadOnlySpan<char> rest)
    {
        rest = default;
        foreach (var host in Loopback)
        {
            if (!uri.StartsWith(host, StringComparison.Ordinal))
                continue;
            rest = uri.AsSpan(host.Length);
            if (rest is [':', ..])
            {
                var digits = rest[1..].IndexOfAnyExceptInRange('0', '9') is >= 0 and var end ? end : rest.Length - 1;
                if (digits is 0 or > 5 || int.Parse(rest.Slice(1, digits), CultureInfo.InvariantCulture) is 0 or > 65_535)
                    return null;
                rest = rest[(1 + digits)..];
            }
            return rest is [] or ['/', ..] or ['?', ..] ? host : null;
        }
        return null;
    }
}
