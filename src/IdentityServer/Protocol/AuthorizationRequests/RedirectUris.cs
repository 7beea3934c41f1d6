using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;

namespace IdentityServer.Protocol.AuthorizationRequests;

/// <summary>
/// Compares redirect URIs character by character (RFC 9700 §4.1.3). The one exception is the port of a loopback address
/// over http, which the operating system assigns to a native application (RFC 8252 §7.3): <c>127.0.0.1</c>, <c>[::1]</c> and
/// <c>localhost</c> (RFC 9700 §2.1). RFC 8252 §8.3 advises against the last, but many native applications register nothing else.
/// </summary>
internal static class RedirectUris
{
    // RFC 3986 Appendix A, and "#".
    private static readonly System.Buffers.SearchValues<char> NotInUris = System.Buffers.SearchValues.Create("#\\\"<>^`{|}");

    private static readonly string[] Loopback = ["http://127.0.0.1", "http://[::1]", "http://localhost"];

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

    /// <summary>
    /// Why an address can't be registered; null: it can. A code may go over https, to a program on the user's own
    /// device over http (RFC 8252 §7.3, <c>localhost</c> too), or to a private scheme named after a
    /// domain that its maker owns (RFC 8252 §7.1).
    /// </summary>
    public static string? MistakeIn(string uri, bool isNative)
    {
        if (MistakeInForm(uri, out var parsed) is { } mistake)
            return mistake;
        if (HasIssuer(parsed))
            return "has a parameter iss, which is the server's to add (RFC 9207 §2).";
        if (parsed.Scheme == Uri.UriSchemeHttps)
            return null;
        if (parsed.Scheme == Uri.UriSchemeHttp)
            return IsLoopback(parsed, uri) ? null : "must be https: http is for programs on the user's own device (RFC 9700 §2.6).";
        if (!parsed.Scheme.Contains('.', StringComparison.Ordinal))
            return "must be https, http of a loopback address, or have a scheme with a dot such as com.example.app (RFC 8252 §7.1).";
        return isNative ? null : "has a scheme of its own, which only a client with \"application_type\": \"native\" may (RFC 8252 §7.1).";
    }

    /// <summary>Absolute, in the ASCII in which a request writes it, without fragment and user.</summary>
    public static bool IsWellFormed(string uri, out Uri parsed) => MistakeInForm(uri, out parsed) is null;

    /// <summary>A loopback address with any port (RFC 8252 §7.3), or a scheme by a domain name of the application's own (§7.1).</summary>
    public static bool IsOfNative(string uri) =>
        IsWellFormed(uri, out var parsed) && (parsed.Scheme == Uri.UriSchemeHttp ? IsLoopback(parsed, uri) : parsed.Scheme.Contains('.', StringComparison.Ordinal));

    private static string? MistakeInForm(string uri, out Uri parsed)
    {
        if (!Uri.TryCreate(uri, UriKind.Absolute, out parsed!) || uri.AsSpan().ContainsAnyExceptInRange('!', '~') || uri.AsSpan().ContainsAny(NotInUris))
            return "must be an absolute URI of ASCII characters without a fragment.";
        // Parsers disagree on the host of "https:host" and "https:///path".
        if (parsed.Scheme is "http" or "https" && (uri.Length < parsed.Scheme.Length + 4 || !uri.AsSpan(parsed.Scheme.Length).StartsWith("://", StringComparison.Ordinal) || uri[parsed.Scheme.Length + 3] == '/'))
            return "has no host.";
        return parsed.UserInfo.Length > 0 ? "holds a user name or a password." : null;
    }

    private static bool IsLoopback(Uri parsed, string uri) => IsLoopback(uri) || parsed.Host == "localhost";

    /// <summary>If the address had its own <c>iss</c>, a client could not tell which one is the server's.</summary>
    public static bool HasIssuer(Uri uri)
    {
        foreach (var parameter in new QueryStringEnumerable(uri.Query))
        {
            if (parameter.DecodeName().Span is "iss")
                return true;
        }
        return false;
    }

    public static bool IsLoopback(string uri) => LoopbackOf(uri, out _) is not null;

    private static bool IsSameButPort(string registered, string requested) =>
        LoopbackOf(registered, out var one) is { } host && LoopbackOf(requested, out var other) == host && one.SequenceEqual(other);

    /// <summary>The loopback host at the start of an address, and what follows its port.</summary>
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
