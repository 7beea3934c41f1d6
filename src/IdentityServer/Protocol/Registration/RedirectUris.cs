namespace IdentityServer.Protocol.Registration;

/// <summary>Where a client that registers itself may have its users sent (RFC 7591 §5, RFC 8252 §7, RFC 9700 §4.1).</summary>
internal static class RedirectUris
{
    public const int MaximumCount = 50;
    public const int MaximumLength = 2000;

    public static OAuthError? Check(string[] uris, bool isNative)
    {
        foreach (var text in uris)
        {
            if (!IsWellFormed(text, out var uri) || AuthorizationRequests.RedirectUris.HasIssuer(uri))
                return Errors.RedirectUrisMalformed;
            if (uri.Scheme != Uri.UriSchemeHttps && !(isNative && IsOfNative(uri)))
                return isNative ? Errors.RedirectUriOfNative : Errors.RedirectUriOfWeb;
        }
        return null;
    }

    /// <summary>A loopback address with any port (RFC 8252 §7.3), or a scheme by a domain name of the application's own (§7.1).</summary>
    public static bool IsOfNative(Uri uri) =>
        uri.Scheme == Uri.UriSchemeHttp ? uri.IsLoopback : uri.Scheme.Contains('.', StringComparison.Ordinal);

    /// <summary>RFC 6749 §3.1.2: absolute and without a fragment; compared as it is written, so in ASCII as a request writes it.</summary>
    public static bool IsWellFormed(string text, out Uri uri)
    {
        uri = null!;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        // .NET takes a path for a file's address; RFC 3986 §4.3 asks for a scheme.
        if (text.Length > MaximumLength || colon <= 0 || !char.IsAsciiLetter(text[0])
            || text.Any(c => c is <= ' ' or > '~' or '"' or '<' or '>' or '\\' or '^' or '`' or '{' or '|' or '}') || text.Contains('#', StringComparison.Ordinal)
            || !Uri.TryCreate(text, UriKind.Absolute, out var parsed) || parsed.UserInfo.Length > 0)
            return false;
        uri = parsed;
        // "https:host" and "https:///path" name no host that everybody reads alike.
        return parsed.Scheme is not ("http" or "https") || parsed.Host.Length > 0 && text.AsSpan(colon).StartsWith("://", StringComparison.Ordinal) && text[colon + 3] != '/';
    }
}
