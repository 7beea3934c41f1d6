using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Dpop;

/// <summary>
/// Normalises http and https addresses (RFC 3986 §6.2.2, §6.2.3), without query and fragment, so that an <c>htu</c> can be
/// compared (RFC 9449 §4.3).
/// </summary>
public static class HttpAddress
{
    /// <summary>False for anything but an absolute http or https address without user information.</summary>
    public static bool TryNormalise(string address, [NotNullWhen(true)] out string? normal)
    {
        ArgumentNullException.ThrowIfNull(address);
        normal = null;
        foreach (var c in address)
        {
            // The base library would tolerate these: drop them, or treat them as a slash.
            if (char.IsWhiteSpace(c) || char.IsControl(c) || c == '\\')
                return false;
        }
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.UserInfo.Length > 0 || uri.Host.Length == 0)
            return false;
        normal = uri.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped) + Path(uri.AbsolutePath);
        return true;
    }

    /// <summary>RFC 3986 §6.2.2.1, §6.2.2.2: escapes in upper case, and only where needed.</summary>
    private static string Path(string path)
    {
        if (!path.Contains('%', StringComparison.Ordinal))
            return path;
        var normal = new StringBuilder(path.Length);
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] == '%' && i + 2 < path.Length && char.IsAsciiHexDigit(path[i + 1]) && char.IsAsciiHexDigit(path[i + 2]))
            {
                var octet = (char)Convert.ToByte(path.Substring(i + 1, 2), 16);
                if (char.IsAsciiLetterOrDigit(octet) || octet is '-' or '.' or '_' or '~')
                    normal.Append(octet);
                else
                    normal.Append('%').Append(char.ToUpperInvariant(path[i + 1])).Append(char.ToUpperInvariant(path[i + 2]));
                i += 2;
            }
            else
            {
                normal.Append(path[i]);
            }
        }
        return normal.ToString();
    }
}
