using System.Security.Cryptography;
using System.Text;

namespace IdentityServer.Settings;

/// <summary>Who this server says it is. Never taken from a request's Host header.</summary>
internal sealed record IssuerSettings(string Issuer)
{
    public const string Name = "IdentityServer:Issuer";

    private readonly string _address = new Uri(Issuer).AbsoluteUri.TrimEnd('/');
    private readonly string _cookieSuffix = CookieSuffix(new Uri(Issuer));

    /// <summary>The path of the issuer without a trailing slash; empty when it has none.</summary>
    public string Path { get; } = new Uri(Issuer).AbsolutePath.TrimEnd('/');

    public bool IsHttps { get; } = Issuer.StartsWith("https:", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The name of a cookie of this issuer's. A host has one jar for all of its ports, and the prefix <c>__Host-</c> asks for the path
    /// <c>/</c> (RFC 6265 §8.5, RFC 6265bis §4.1.3.2): so an issuer with a path or an unusual port has them in the name.
    /// </summary>
    public string CookieName(string name) => $"{(IsHttps ? "__Host-" : "")}identityserver{_cookieSuffix}{name}";

    /// <summary>An address below the issuer, <c>At("/connect/token")</c>, spelled as OpenIddict's discovery spells it.</summary>
    public string At(string path) => _address + path;

    private static string CookieSuffix(Uri issuer)
    {
        var place = $"{issuer.Port}{issuer.AbsolutePath.TrimEnd('/')}";
        // A hash: a path may hold what no name of a cookie may (RFC 6265 §4.1.1).
        return (issuer.Scheme, place) is ("https", "443") or ("http", "5000")
            ? ""
            : $"-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(place)).AsSpan(0, 6))}";
    }

    public static IssuerSettings Read(SettingsReader settings)
    {
        const string may = "an absolute http or https address without query and fragment";
        var text = settings.Text(Name);
        if (text is null)
            return settings.IsDevelopment ? new("http://localhost:5000") : throw SettingsReader.Missing(Name, may);

        // RFC 8414 §2: a URL that has no query or fragment components.
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")
            || text.Contains('?', StringComparison.Ordinal) || text.Contains('#', StringComparison.Ordinal) || uri.UserInfo.Length > 0)
            throw SettingsReader.Impossible(Name, text, may);
        if (uri.Scheme == "http" && settings.IsProduction && !settings.Flag("IdentityServer:AllowInsecureHttp", false))
            throw SettingsReader.Impossible(Name, text, "an https address in Production, unless IdentityServer:AllowInsecureHttp is true");
        return new(text);
    }
}
