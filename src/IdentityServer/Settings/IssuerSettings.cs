using System.Security.Cryptography;
using System.Text;
using ServiceDefaults.Settings;

namespace IdentityServer.Settings;

/// <summary>Who this server says it is. Never taken from a request's Host header.</summary>
[Section("IdentityServer")]
internal sealed record IssuerSettings : ICheckedSettings
{
    private const string Name = "IdentityServer:Issuer";

    private string _address = "";
    private string _cookieSuffix = "";

    public string Issuer { get; set; } = "";

    /// <summary>Allows a plain http issuer in Production.</summary>
    public bool AllowInsecureHttp { get; init; }

    /// <summary>The path of the issuer without a trailing slash; empty when it has none.</summary>
    public string Path { get; private set; } = "";

    public bool IsHttps { get; private set; }

    /// <summary>
    /// The name of a cookie of this issuer's. A host has one jar for all of its ports, and the prefix <c>__Host-</c> asks for the path
    /// <c>/</c> (RFC 6265 §8.5, RFC 6265bis §4.1.3.2): so an issuer with a path or an unusual port has them in the name.
    /// </summary>
    public string CookieName(string name) => $"{(IsHttps ? "__Host-" : "")}identityserver{_cookieSuffix}{name}";

    /// <summary>An address below the issuer, <c>At("/connect/token")</c>, spelled as OpenIddict's discovery spells it.</summary>
    public string At(string path) => _address + path;

    public void Check(SettingsReader settings)
    {
        const string may = "an absolute http or https address without query and fragment";
        if (Issuer.Length == 0)
            Issuer = settings.Environment.IsDevelopment() ? "http://localhost:5000" : throw SettingsReader.Missing(Name, may);

        // RFC 8414 §2: a URL that has no query or fragment components.
        if (!Uri.TryCreate(Issuer, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")
            || Issuer.Contains('?', StringComparison.Ordinal) || Issuer.Contains('#', StringComparison.Ordinal) || uri.UserInfo.Length > 0)
            throw SettingsReader.Impossible(Name, Issuer, may);
        if (uri.Scheme == "http" && settings.Environment.IsProduction() && !AllowInsecureHttp)
            throw SettingsReader.Impossible(Name, Issuer, "an https address in Production, unless IdentityServer:AllowInsecureHttp is true");
        _address = uri.AbsoluteUri.TrimEnd('/');
        _cookieSuffix = CookieSuffix(uri);
        Path = uri.AbsolutePath.TrimEnd('/');
        IsHttps = uri.Scheme == "https";
    }

    private static string CookieSuffix(Uri issuer)
    {
        var place = $"{issuer.Port}{issuer.AbsolutePath.TrimEnd('/')}";
        // A hash: a path may hold what no name of a cookie may (RFC 6265 §4.1.1).
        return (issuer.Scheme, place) is ("https", "443") or ("http", "5000")
            ? ""
            : $"-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(place)).AsSpan(0, 6))}";
    }
}
